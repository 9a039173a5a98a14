//! Rows of lists of people.

use chrono::NaiveDateTime;
use shared::time::Timestamp;

use crate::people::{Listed, Person};

/// A row of a list whose subject exists: all is null where the list is empty.
pub struct PersonRow {
    pub at: Option<NaiveDateTime>,
    pub listed_id: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub image: Option<String>,
    pub avatar: Option<String>,
    pub bio: Option<String>,
    pub website: Option<String>,
    pub location: Option<String>,
    pub company: Option<String>,
    pub skills: Option<Vec<String>>,
    pub github_username: Option<String>,
    pub projects_count: Option<i32>,
    pub followers_count: Option<i32>,
    pub following_count: Option<i32>,
    pub is_pro: Option<bool>,
    pub created_at: Option<Timestamp>,
    pub is_following: bool,
    pub follows_me: bool,
}

impl PersonRow {
    fn listed(self) -> Option<Listed> {
        Some(Listed {
            at: self.at?,
            id: self.listed_id?,
            person: Person {
                id: self.id?,
                name: self.name?,
                image: self.image,
                avatar: self.avatar,
                bio: self.bio,
                website: self.website,
                location: self.location,
                company: self.company,
                skills: self.skills.unwrap_or_default(),
                github_username: self.github_username,
                projects_count: self.projects_count?,
                followers_count: self.followers_count?,
                following_count: self.following_count?,
                is_pro: self.is_pro?,
                created_at: self.created_at?,
                is_following: self.is_following,
                follows_me: self.follows_me,
            },
        })
    }
}

/// The list; `None` where there is no row at all, because its subject does not exist or is not visible.
pub fn listed(rows: Vec<PersonRow>) -> Option<Vec<Listed>> {
    (!rows.is_empty()).then(|| rows.into_iter().filter_map(PersonRow::listed).collect())
}

/// Selects people as the viewer `$1` sees them: one row for each row of `listed` (`at`, `id`, `"userId"`), or one of nulls
/// where `subject` is all there is. The argument is what follows `from` to there.
macro_rules! people {
    ($from:literal, $viewer:expr $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::queries::people::PersonRow,
            r#"
            select
                listed.at as "at?",
                listed.id as "listed_id?",
                u.id as "id?",
                u.name as "name?",
                u.image,
                u.avatar,
                u.bio,
                u.website,
                u.location,
                u.company,
                u.skills,
                u."githubUsername" as github_username,
                u."projectsCount" as "projects_count?",
                u."followersCount" as "followers_count?",
                u."followingCount" as "following_count?",
                u."isPro" as "is_pro?",
                u."createdAt" as "created_at?: Timestamp",
                exists (
                    select from follows where "followerId" = $1 and "followingId" = u.id
                ) as "is_following!",
                exists (
                    select from follows where "followerId" = u.id and "followingId" = $1
                ) as "follows_me!"
            from "#
                + $from
                + r#"
            left join "user" u on u.id = listed."userId"
            order by listed.at desc, listed.id desc
            "#,
            $viewer
            $(, $argument)*
        )
    };
}

pub(super) use people;
