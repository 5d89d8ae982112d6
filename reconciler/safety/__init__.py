"""What stands between a plan and running traffic: limits, rehearsals, commit-confirm and revisions."""
