-- The end of the log in this snapshot, and the stored response that is valid in it. No row for an empty log.
select newest.sequence, newest.at, stored.tags, stored.body
from given
cross join lateral (select sequence, at from changes order by sequence desc limit 1) as newest
left join lateral (
    select stored_responses.tags, stored_responses.body
    from stored_responses
    where stored_responses.key = given.key
        and stored_responses.build = given.build
        and not exists (
            select from tag_changes
            where tag_changes.tag = any (stored_responses.tags) and tag_changes.sequence > stored_responses.sequence
        )
) as stored on true
