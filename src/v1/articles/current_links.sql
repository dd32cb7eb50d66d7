(
    select jsonb_object_agg(
        concat_ws('#', links.target_slug, link.fragment),
        concat_ws(
            '#',
            target.slug,
            case when link.fragment is not null then coalesce(current_section.anchor, link.fragment) end
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
    ) as current_section on links.target_fragment is not null
    -- A fragment that names no section stays, after the current slug.
    cross join lateral (values (null), (links.target_fragment)) as link (fragment)
    where links.article_id = articles.id and links.kind = 'linked'
        and (target.slug <> links.target_slug or current_section.anchor <> links.target_fragment)
        and (link.fragment is not null or target.slug <> links.target_slug)
)
