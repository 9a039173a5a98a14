//! Migrations whose text was replaced after databases had applied them, so that they need no long lock. Both texts result in the
//! same schema. Every database stores the checksum of the first text, which programs with either text accept.

use std::borrow::Cow;

use sqlx::migrate::Migrator;

struct Rewritten {
    version: i64,
    /// SHA-384 of the first text, which databases have recorded.
    recorded: &'static str,
    /// SHA-384 of the text that is in the folder. It never changes again.
    now: &'static str,
}

const REWRITTEN: [Rewritten; 22] = [
    Rewritten {
        version: 20_260_101_000_000,
        recorded: "22012bdcf0e4e352dce653f2b5a809c4b873f66bd3c048cd5ca6875ec2d131a9ffbd388f1b3ffc16ea76c008f6e4152a",
        now: "b82b7fd800686fb784c6e3171c2b8b91e68ff04adc2818712f98930d7223d513cf1044baf7c8625b78a7d0b61393da9c",
    },
    Rewritten {
        version: 20_260_101_000_001,
        recorded: "e8b67cac5739d1c88cb6ec1a3d7291f6b890e9a8d050a61ca4291c3f149499b030802e815e4b166656ebd9b6fa83c4fb",
        now: "319db6677c900109e3ebfc60b7a8290cb4a9aa355fd832691ac32d095728ed9771219be1f247234af554c663f8349e5f",
    },
    Rewritten {
        version: 20_260_101_000_003,
        recorded: "0aedd968789dc531bb100d3e2cec6f61f680d04ba8e1649248efac2d9fb6ce8d2ac3f1a46a9f484afb43f132cef5189f",
        now: "8d740314d693e597ec552090950433e5a82c4a0bf212291dc377fb0013902af176f093043bd981f24a9adbf46f22ccf6",
    },
    Rewritten {
        version: 20_260_101_000_005,
        recorded: "4cad2f894d97fa1b4d3cd9208bdac579363907f6068c7a14f4d1c4711bbe8df2b70b48c7ae239862fc1b99c09605e16d",
        now: "41b2a1d22eb1b08d873c7e4f46933343ae5f5e708e201548e522390abca8ac14ee4bd64cc25c7730b7ea7f5da5c87bfa",
    },
    Rewritten {
        version: 20_260_101_000_006,
        recorded: "89c185ffbbec5d7bcbfb862f521c998786e510e9e389d1bc9f91a822f5155b5ffd4bc86c4caece1d0f2775057bb09890",
        now: "c187c4c0fb767bd508ca9ac15dec588eaf68d5c512b65ce4edf848ec8a5cffac88f78e0783333fa00229bed00f5452f1",
    },
    Rewritten {
        version: 20_260_101_000_010,
        recorded: "b002d602b9a53e7ddc4346e4a9864d8de0cb89d3409780dc1992c4dd760e85a39798f0d774f9dce97733aaecba5b72d6",
        now: "735793b7c537b6d764f41ac1d5dcfedade614c5ef544e4945c28492fc388426da5b2f00d2d17f2ef03388de81b8aa690",
    },
    Rewritten {
        version: 20_260_101_000_011,
        recorded: "e819cdaf7ac06f123b5634c65a8cf6fb73bb015b108b6f8aa7ce8bd2e83d36978039ee23193da7dfc18cd5343b0b0c35",
        now: "a380633434b6df1fda05e0256b378bca9bca73def4e13f4687f605763877f9565a1cf63ce65e34bdb45bed16324d56c7",
    },
    Rewritten {
        version: 20_260_101_000_012,
        recorded: "f11ba45490239ca7a9893cdf9ac948282ff5d54fc65da137100c3a9a7d525517cb1be1b1b75bdf24fed63f1245d635b0",
        now: "7679a61982b51f27fbef620654ddcf3a226f3ff118ae32744adffc14cb610e4942bea4a3a5af72db69dc728f94814017",
    },
    Rewritten {
        version: 20_260_101_000_013,
        recorded: "96024feb7f7bcb4e5d63af321096f6503b57b21ad818cbbc81c29692727c665b49753fd730bfaa55df8e494ea56cd6dc",
        now: "23bd1af858fec9b63154143ac9c04266b608f705fe51c633b2e45b55e9fc695d55f8b941848b450a714854698e829186",
    },
    Rewritten {
        version: 20_260_102_000_000,
        recorded: "e3fe550701a2ad64d0c3097a662c6d6e95ce28e98f357451d8b3d401711084a937d570c43704023dbd220cf294c05e52",
        now: "7679a61982b51f27fbef620654ddcf3a226f3ff118ae32744adffc14cb610e4942bea4a3a5af72db69dc728f94814017",
    },
    Rewritten {
        version: 20_260_104_000_000,
        recorded: "bfb430b79049de0c5550ffd92887f0e54a1dcbe7d4c175f5a4fc26083446c561d62a0824d43fb15ecf352bb4594f5a65",
        now: "6f4c2846ed59f2c2642e78fcce16a53952549f97e99e6b52898545a20641210cd876a199cd12b438f9e6b16eb179efb6",
    },
    Rewritten {
        version: 20_260_105_000_000,
        recorded: "7d6cf8d2d5d93b2a49d60ccb05b6340c14b58727ef58898a5e31b9f36cff72dfce4a1f11d898c634c3e39e2044286976",
        now: "1c02627b04305b5cbb402ce37b3f3fbecb4ae470bef62f3adc56651b9b12a630219225099e70673d311ae7ccbf1374a7",
    },
    Rewritten {
        version: 20_260_106_000_001,
        recorded: "581a3fe3e3dbe812cbc8dcbce1aa79bdf6c99c495ad97cde71e0e5074a19129567228a4fab222bde05c19d2abbbd75bc",
        now: "7679a61982b51f27fbef620654ddcf3a226f3ff118ae32744adffc14cb610e4942bea4a3a5af72db69dc728f94814017",
    },
    Rewritten {
        version: 20_260_107_010_000,
        recorded: "010ebb28bb8ccb75ccf2619be655a14397603af15d02724d6199cbede0eed870c80ae143645b3474c55f3cf338f23b79",
        now: "df0af569b8e070f030f0de11d787f955b4f5725a1bca0dc7c3f1bb4a1d1913fb40f71cd3738859a4deacc719615f522b",
    },
    Rewritten {
        version: 20_260_107_010_100,
        recorded: "a66ed9ee2a0c2a3eceb44dc0eff1f6fc6ae8ecb2fa37019e493012266baeca64f062cc138df8ba0759a821b445448c85",
        now: "0a4eab998765a225a2c10bc3326b102ee1422cf37a81b6579589eee5281545ed36f96354add7cb61e2a2d54a6a43af28",
    },
    Rewritten {
        version: 20_260_107_020_000,
        recorded: "071f684c94144149ba13eb8b7579dadc539872241121d4b65a42adbd90e912a607bb108c7c383e383908233e8fe4b94a",
        now: "a6028852ab22b26614388f7b12bc545e36551c25637cf2196573475f370eae9f6d4ff28ae7f4edb323d267d0cc1fa0e1",
    },
    Rewritten {
        version: 20_260_107_020_100,
        recorded: "4999cf478545f4ad1f384c63edb50119b446aed30165999b86f55d3b27b9e825787fdfeea56c48f038584ab72ab37b9c",
        now: "41a3c85a71565dbcf93c301bbabc9f183f5d6f02eb9eb7d7de82411a4c8fdb736d85a4870e9efc347aed879496df78e3",
    },
    Rewritten {
        version: 20_260_107_020_200,
        recorded: "705e0bff8aa6fe9e64f3853252b90b4291ccf25a685e8a0b49ff19e61139d2f210cdb764cb8f0a85b07b880db12b98bf",
        now: "c77c716adf8d00d8f4d523aa4d9144182d928b7747355fbbf908fc5c77d6d62c793ea59c1c1977399a0b5cf594b31529",
    },
    Rewritten {
        version: 20_260_108_000_100,
        recorded: "919bf2d496661ae90a0f320623a55ee25383bc1a3a50b451ae7b1e37f1fb6ce96a4ba3b35921c602c19e37d3e94a8425",
        now: "6c720fc95676e1730ad8a7ad12c85f5e45e9d7d3d87dde55d478f9fe37b916185c53afea372124be0a21ab55fec88273",
    },
    Rewritten {
        version: 20_260_108_000_200,
        recorded: "525abbd3ddb594121366d5388898d661b7b73b279f8de0131f2611c633b7845a9c84846e1d8e287ead6b5947ee4d04f9",
        now: "b6028740b3dc659e4b17b19cd05d7af64e4d4e60dbd026f47994b1748a879a4738887290f947d23821b61831e19c4d98",
    },
    Rewritten {
        version: 20_260_108_000_300,
        recorded: "f4ceb002f19e139ee2ac8ca03c851688abe9f6f1489346e6b1a936b471ce5ae7b370fd86e3d13f6a4c2e279315cd3e11",
        now: "42a64055b1bc6edbb15a8098901226ef7ed0a060d45392c2f52d5ee78496a881a0a6768da2cf6fb4bea1b4d5a553fec7",
    },
    Rewritten {
        version: 20_260_108_000_400,
        recorded: "14b7dbbb1bf20250dbbdfad4945a6221aef7f8a53942e64abefa1bdfe917cd9690055a96832e79333783f0b583a7f102",
        now: "b6142579c9031a32a8f2f6a49bfe1e95cf9a678a07e2c0182071d2697890ba7443ffdee39907e2c9fda4a550be03b4c4",
    },
];

/// Replaces the checksum of each rewritten migration by the one that databases have recorded. A text that was edited since has
/// another checksum and keeps it, so a database that has applied the migration rejects it.
pub fn keep_recorded_checksums(migrator: &mut Migrator) {
    for migration in migrator.migrations.to_mut() {
        let rewritten = REWRITTEN
            .iter()
            .find(|rewritten| rewritten.version == migration.version);
        if let Some(rewritten) = rewritten
            && *migration.checksum == bytes(rewritten.now)
        {
            migration.checksum = Cow::Owned(bytes(rewritten.recorded));
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .filter_map(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rewritten_migration_has_the_recorded_checksum() {
        let migrator = sqlx::migrate!("../migrations");
        for rewritten in &REWRITTEN {
            let migration = migrator
                .iter()
                .find(|migration| migration.version == rewritten.version)
                .unwrap();
            assert_eq!(
                *migration.checksum,
                bytes(rewritten.now),
                "{}",
                rewritten.version
            );
        }

        let mut migrator = migrator;
        keep_recorded_checksums(&mut migrator);

        for rewritten in &REWRITTEN {
            let migration = migrator
                .iter()
                .find(|migration| migration.version == rewritten.version)
                .unwrap();
            assert_eq!(
                *migration.checksum,
                bytes(rewritten.recorded),
                "{}",
                rewritten.version
            );
        }
    }
}
