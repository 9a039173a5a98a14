//! The measured requests and their budgets.

/// The user who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    /// Follows 5,000 others.
    Viewer,
    /// Has about 300 projects with likes and comments.
    Owner,
    /// Has the most projects of all: 700 of 10,000, 3,400 of 100,000 and 16,000 of a million.
    LargestOwner,
    /// Has 5,000 projects that nobody liked.
    QuietOwner,
    /// Follows 5,000 users without projects.
    FanOfQuiet,
}

impl Caller {
    pub fn is_signed_in(self) -> bool {
        self != Self::Anonymous
    }

    /// Returns whether the caller has the same number of projects and follows in databases of all sizes.
    pub fn is_comparable(self) -> bool {
        self != Self::LargestOwner
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "",
            Self::Viewer => " by a follower of 5,000",
            Self::Owner => " by the owner of 300 projects",
            Self::LargestOwner => " by the owner of the most projects",
            Self::QuietOwner => " by the owner of 5,000 quiet projects",
            Self::FanOfQuiet => " by a follower of 5,000 silent people",
        }
    }
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub path: &'static str,
    pub caller: Caller,
    /// Maximum median in milliseconds.
    pub budget: u64,
}

impl Row {
    /// The path and the caller.
    pub fn name(&self) -> String {
        format!("{}{}", self.path, self.caller.name())
    }
}

const fn row(path: &'static str, caller: Caller, budget: u64) -> Row {
    Row {
        path,
        caller,
        budget,
    }
}

/// Maximum median of a read, in milliseconds.
const READ: u64 = 25;
/// Maximum median of a search for two words, and of facets with a filter.
const WIDE: u64 = 60;

use Caller::{Anonymous, FanOfQuiet, LargestOwner, Owner, QuietOwner, Viewer};

pub const ROWS: [Row; 41] = [
    row("/projects", Anonymous, READ),
    row("/projects?sort=likes", Anonymous, READ),
    row("/projects?sort=views", Anonymous, READ),
    row("/projects?sort=comments", Anonymous, READ),
    row("/projects?sort=updated", Anonymous, READ),
    row("/projects?tag=rust", Anonymous, READ),
    row("/projects?tag=climate&tag=health", Anonymous, READ),
    row("/projects?language=rust", Anonymous, READ),
    row("/projects?q=rust", Anonymous, READ),
    row("/projects?q=go", Anonymous, READ),
    row("/projects?q=zq", Anonymous, READ),
    row("/projects?q=rust+editor", Anonymous, WIDE),
    row("/projects?q=go+rust", Anonymous, WIDE),
    row("/projects?q=zq+qz", Anonymous, WIDE),
    row("/projects?sort=trending&window=24h", Anonymous, READ),
    row("/projects?sort=trending&window=7d", Anonymous, READ),
    row("/projects?sort=trending&window=30d", Anonymous, READ),
    row("/projects/facets", Anonymous, READ),
    row("/projects/facets?tag=rust", Anonymous, WIDE),
    row("/projects/facets?tag=rust&tag=web", Anonymous, WIDE),
    row("/projects/facets?window=30d&q=rust", Anonymous, WIDE),
    row("/projects/facets?q=go+rust", Anonymous, WIDE),
    row("/stats", Anonymous, READ),
    row("/users", Viewer, READ),
    row("/users/facets", Viewer, READ),
    row("/users?q=zq", Viewer, READ),
    row("/users?q=go", Viewer, READ),
    row("/users?q=c%2B%2B", Viewer, READ),
    row("/users?sort=suggested", Viewer, READ),
    row("/feed", Viewer, READ),
    row("/feed", FanOfQuiet, READ),
    row("/notifications", Owner, READ),
    row("/notifications/count", Owner, READ),
    row("/users/profile", Owner, READ),
    row("/notifications", LargestOwner, READ),
    row("/notifications/count", LargestOwner, READ),
    row("/users/profile", LargestOwner, READ),
    row("/notifications", QuietOwner, READ),
    row("/notifications/count", QuietOwner, READ),
    row("/users/profile", QuietOwner, READ),
    row("/notifications", Viewer, READ),
];
