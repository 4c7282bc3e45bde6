//! How many things of a kind one user may have with an app. With the demo app it is so many that no test
//! meets the limit, unless the setting says how many.

use hookswitch_core::id::AppNo;

#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    usual: usize,
    demo: Option<(AppNo, usize)>,
}

impl Allowance {
    /// `usual` with every app.
    pub fn of(usual: usize) -> Self {
        Self { usual, demo: None }
    }

    /// What is set holds with every app. Otherwise it is `usual`, and `with_demo` with the demo app, if
    /// there is one.
    pub fn new(set: Option<usize>, usual: usize, with_demo: usize, demo: Option<AppNo>) -> Self {
        match set {
            Some(set) => Self::of(set),
            None => Self { usual, demo: demo.map(|app| (app, with_demo)) },
        }
    }

    pub fn with(self, app: AppNo) -> usize {
        match self.demo {
            Some((demo, many)) if demo == app => many,
            _ => self.usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_app_may_have_more_unless_the_setting_says_how_many() {
        let (demo, other) = (AppNo(1), AppNo(2));
        let allowed = |set, app| Allowance::new(set, 30, 1000, Some(demo)).with(app);
        assert_eq!((allowed(None, demo), allowed(None, other)), (1000, 30));
        assert_eq!((allowed(Some(5), demo), allowed(Some(5), other)), (5, 5));
        assert_eq!(Allowance::new(None, 30, 1000, None).with(demo), 30);
    }
}
