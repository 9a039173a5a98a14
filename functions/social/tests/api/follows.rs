//! `/users/{userId}/follow`, `/followers` and `/following`

use serde_json::json;
use sqlx::PgPool;

use crate::{DRIFT, HIDDEN, SHOWN, app, each, number, sql};

#[testkit::test]
async fn a_repeated_follow_or_unfollow_changes_nothing(db: PgPool) {
    let app = app(&db);
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let path = format!("/users/{}/follow", bob.id);
    let follow = async || ada.put(&path, json!({})).await.expect(200).json();
    let unfollow = async || ada.delete(&path).await.expect(200).json();
    let counts =
        r#"select "followersCount"::bigint * 10 + "followingCount" from "user" where id = $1"#;

    assert_eq!(
        follow().await,
        json!({ "isFollowing": true, "followersCount": 1 })
    );
    assert_eq!(
        follow().await,
        json!({ "isFollowing": true, "followersCount": 1 })
    );
    assert_eq!(number(&db, counts, &[&ada.id]).await, 1);
    assert_eq!(number(&db, counts, &[&bob.id]).await, 10);
    assert_eq!(
        unfollow().await,
        json!({ "isFollowing": false, "followersCount": 0 })
    );
    assert_eq!(
        unfollow().await,
        json!({ "isFollowing": false, "followersCount": 0 })
    );
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
}

#[testkit::test]
async fn users_cannot_follow_themselves(db: PgPool) {
    let ada = app(&db).user("ada").await;
    let path = format!("/users/{}/follow", ada.id);

    let answer = ada.put(&path, json!({})).await;
    answer.expect_error(400, &["You cannot follow yourself"]);
    let answer = ada.delete(&path).await;
    answer.expect_error(400, &["You cannot follow yourself"]);
    assert_eq!(number(&db, "select count(*) from follows", &[]).await, 0);
}

#[testkit::test]
async fn a_hidden_user_can_only_be_unfollowed(db: PgPool) {
    let app = app(&db);
    let (ada, eve) = (app.user("ada").await, app.user("eve").await);
    let path = format!("/users/{}/follow", eve.id);

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        ada.put(&path, json!({})).await.expect(200);
        sql(&db, hide, &[&eve.id]).await;
        let answer = ada.put(&path, json!({})).await;
        answer.expect_error(404, &["User not found"]);
        for list in ["followers", "following"] {
            let answer = ada.get(&format!("/users/{}/{list}", eve.id)).await;
            answer.expect_error(404, &["User not found"]);
        }
        let answer = ada.delete(&path).await.expect(200);
        assert_eq!(
            answer.json(),
            json!({ "isFollowing": false, "followersCount": 0 })
        );
        sql(&db, show, &[&eve.id]).await;
    }
    assert_eq!(number(&db, DRIFT, &[]).await, 0);
}

#[testkit::test]
async fn both_lists_are_newest_first_without_hidden_users(db: PgPool) {
    let app = app(&db);
    let (ada, bob, eve) = (
        app.user("ada").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    for (follower, target) in [(&bob, &ada), (&eve, &ada), (&ada, &eve), (&eve, &bob)] {
        let path = format!("/users/{}/follow", target.id);
        follower.put(&path, json!({})).await.expect(200);
    }
    sql(
        &db,
        r#"update follows set "createdAt" = case "followerId" when $1 then timestamp '2025-01-02' else '2025-01-01' end"#,
        &[&eve.id],
    )
    .await;

    let followers = format!("/users/{}/followers", ada.id);
    let following = format!("/users/{}/following", ada.id);
    let list = ada.get(&followers).await.expect(200).json();
    assert_eq!(each(&list, "id"), [&eve.id, &bob.id]);
    // `isFollowing` means that the caller follows the user; `isFollowedBy` means the reverse.
    assert_eq!(
        (&list[0]["isFollowing"], &list[1]["isFollowing"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&list[0]["followsMe"], &list[1]["followsMe"]),
        (&json!(true), &json!(true))
    );
    let list = bob.get(&following).await.expect(200).json();
    assert_eq!(each(&list, "id"), [&eve.id]);
    assert_eq!(
        (&list[0]["isFollowing"], &list[0]["followsMe"]),
        (&json!(false), &json!(true))
    );
    let list = app.anyone().get(&followers).await.expect(200).json();
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|person| person["isFollowing"] == false)
    );

    for (hide, show) in HIDDEN.into_iter().zip(SHOWN) {
        sql(&db, hide, &[&eve.id]).await;
        let list = ada.get(&followers).await.expect(200).json();
        assert_eq!(each(&list, "id"), [&bob.id]);
        assert_eq!(ada.get(&following).await.expect(200).json(), json!([]));
        sql(&db, show, &[&eve.id]).await;
        let list = ada.get(&following).await.expect(200).json();
        assert_eq!(each(&list, "id"), [&eve.id]);
    }
}
