-- Shift patterns: shifts under a name, and where they are worked from when. Times of day stand as
-- people write them, in the zone of the place: what they are on a day is the domain's to say.

CREATE TABLE shift_patterns (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code            text NOT NULL UNIQUE,
    name            text NOT NULL,
    -- After so many weeks it begins again; `first_day` is the Monday of a first week.
    rotation_weeks  smallint NOT NULL DEFAULT 1 CHECK (rotation_weeks BETWEEN 1 AND 52),
    first_day       date CHECK (extract(isodow FROM first_day) = 1),
    -- Days, both included; null: without end.
    valid_from      date,
    valid_to        date,
    CHECK (valid_from <= valid_to),
    CHECK (rotation_weeks = 1 OR first_day IS NOT NULL)
);

CREATE TABLE shift_pattern_shifts (
    pattern_id  integer NOT NULL REFERENCES shift_patterns ON DELETE CASCADE,
    number      integer NOT NULL,
    shift       text NOT NULL,
    weekdays    text[] NOT NULL CHECK (cardinality(weekdays) > 0
        AND weekdays <@ ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
    -- Of the rotation, from 1; none: each.
    weeks       smallint[] NOT NULL DEFAULT '{}',
    starts      text NOT NULL CHECK (starts ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
    -- Not after `starts`: on the next day.
    ends        text NOT NULL CHECK (ends ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'),
    -- As `09:00-09:15`.
    breaks      text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (pattern_id, number)
);

-- Where a pattern is worked: a site, or an area, line or machine of it, as a path. The narrower
-- place prevails. At one place at most one holds on a day.
CREATE TABLE shift_plans (
    site_id     integer NOT NULL REFERENCES sites,
    place       text NOT NULL,
    pattern_id  integer NOT NULL REFERENCES shift_patterns,
    valid_from  date,
    valid_to    date,
    UNIQUE NULLS NOT DISTINCT (place, valid_from),
    CHECK (valid_from <= valid_to)
);
CREATE INDEX shift_plans_site ON shift_plans (site_id);
CREATE INDEX shift_plans_pattern ON shift_plans (pattern_id);

-- Holidays and overtime by date, for a place and all within it. They prevail over patterns and
-- weekly times; where two contradict, nobody works.
CREATE TABLE special_days (
    site_id   integer NOT NULL REFERENCES sites,
    place     text NOT NULL,
    day       date NOT NULL,
    -- Null: that day only.
    last_day  date,
    -- On each of the days; null: all day.
    starts    text CHECK (starts ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
    ends      text CHECK (ends ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'),
    working   boolean NOT NULL DEFAULT false,
    reason    text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (place, day, starts),
    CHECK (day <= last_day),
    CHECK ((starts IS NULL) = (ends IS NULL))
);
CREATE INDEX special_days_site ON special_days (site_id, day);
