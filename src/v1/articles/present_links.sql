(
    select jsonb_object_agg(
        concat_ws('#', links.target_slug, written.fragment),
        concat_ws(
            '#',
            target.slug,
            case when written.fragment is not null then coalesce(present.anchor, written.fragment) end
        )
    )
    from links
    join addresses on addresses.slug = links.target_slug
    join articles as target on target.id = addresses.article_id
    left join lateral (
        select sections.anchor
        from section_addresses
        join sections on sections.id = section_addresses.section_id and sections.removed_at is null
        where section_addresses.article_id = target.id and section_addresses.reference = links.target_fragment
    ) as present on links.target_fragment is not null
    -- A fragment that no section could have is left as it is, behind the slug of today.
    cross join lateral (values (null), (links.target_fragment)) as written (fragment)
    where links.article_id = articles.id and links.kind = 'linked'
        and (target.slug <> links.target_slug or present.anchor <> links.target_fragment)
        and (written.fragment is not null or target.slug <> links.target_slug)
)
