-- How frequent a search's text is. Of partial indexes the planner takes no statistics, and without any it believes that
-- every text is rare, collects all rows with it, and sorts them; with these it walks the list's index where that is less.
create statistics if not exists "user_search_text_stats"
    on (user_search_text(name, "githubUsername", skills)) from "user";
create statistics if not exists "user_lower_location_stats" on (lower(location)) from "user";
