"""The VIP SMS programme as one Dagster graph and one command, `vip`.

One concept a module: `settings` says where things are, `contract` what a brand hands over,
`landing` brings it in, `quality` judges it, `publishing` and `exporting` hand it on, `sync` and
`platforms` deliver it, `definitions` joins them. The business rules are the dbt models.
"""
