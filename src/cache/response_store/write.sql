-- Locks no row but its own, so it waits for no publication and delays none.
insert into stored_responses (key, build, sequence, tags, body)
select made.key, given.build, made.sequence, string_to_array(made.tag_list, ' '), made.body
from given
cross join lateral unnest(given.keys, given.sequences, given.times, given.tag_lists, given.bodies)
    as made (key, sequence, micros, tag_list, body)
-- The position is in this log. One row at a time by the index, whatever the planner estimates.
cross join lateral (
    select from changes
    where changes.sequence = made.sequence
        and changes.at = timestamptz 'epoch' + made.micros * interval '1 microsecond'
    limit 1
) as position
-- In one order for all instances.
order by made.key
on conflict (key) do update
    set build = excluded.build, sequence = excluded.sequence, tags = excluded.tags, body = excluded.body
    where stored_responses.build <> excluded.build or stored_responses.sequence < excluded.sequence
