"""The pages of Airflow's own web server: the fleet, a run's board, and its report.

They are a FastAPI application that Airflow mounts, shown by external views, which are iframes of the same origin. Not a
React app of Airflow's plugin interface: that one would have to be compiled against the very React that this Airflow
brings, anew for each of its releases, and runs in Airflow's page with all its rights. Here each page is one file of
HTML, one of CSS and a few of JavaScript that read as they are served: no build, nothing of anybody else, and a content
security policy of its own. An iframe costs two things, which `static/frame.js` mends: Airflow's sandbox does not let a
link leave it, and it does not tell its colour scheme.

From rows to a page:

    run_rows     Airflow's database: one run, only what is new      fleet_rows     all clusters, one query a kind
    run_record   as the record that boards are made of              fleet_records  as those that the fleet is made of
    kept_boards  the boards that somebody has open                  kept_fleet     the fleet, for whoever may see which
    feed         what of a board is new to whoever asks             rest           how often any of it is made anew
    boards, fleets, reports, files                                  the routes
    rights, app                                                     who may see what, and under which policy
    static/                                                         the pages themselves
"""
