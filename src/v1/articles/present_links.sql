(
    select jsonb_object_agg(
        concat_ws('#', linked.slug, linked.fragment),
        concat_ws('#', target.slug, coalesce(sections.anchor, linked.fragment))
    )
    from (
        select links.target_slug as slug, links.target_fragment as fragment
        from links
        where links.article_id = articles.id and links.kind = 'linked'
        union
        -- A fragment that no section could have is left as it is, behind the slug of today.
        select links.target_slug, null
        from links
        where links.article_id = articles.id and links.kind = 'linked'
    ) as linked
    join addresses on addresses.slug = linked.slug
    join articles as target on target.id = addresses.article_id
    left join section_addresses
        on section_addresses.article_id = target.id and section_addresses.reference = linked.fragment
    left join sections on sections.id = section_addresses.section_id and sections.removed_at is null
    where target.slug <> linked.slug or sections.anchor <> linked.fragment
)
