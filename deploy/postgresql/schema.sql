-- What fer-edge's devices send to fer-edge/DEVICE/state, and the share of each emotion an hour. PostgreSQL 13 or newer.
CREATE TABLE IF NOT EXISTS fer_edge_state (
    device text NOT NULL,
    id text NOT NULL, -- of the message: one that came twice is one row
    time timestamptz NOT NULL,
    area text,
    state text NOT NULL, -- starting, running, paused, lost
    readings jsonb NOT NULL, -- the faces in view: [{"id", "emotion", "confidence"}]
    PRIMARY KEY (device, id)
);
-- With TimescaleDB: SELECT create_hypertable('fer_edge_state', 'time'), after the primary key became (device, id, time).
CREATE INDEX IF NOT EXISTS fer_edge_state_time ON fer_edge_state (time);

-- A message holds until the next one of its device, and for two heartbeats (120 s) at most: then the device was away.
CREATE OR REPLACE VIEW fer_edge_shown AS
SELECT held.device, held.area, held.time, held.seconds, reading ->> 'emotion' AS emotion
FROM (
    SELECT device, area, time, state, readings,
        least(extract(epoch FROM lead(time) OVER (PARTITION BY device ORDER BY time) - time), 120)::float AS seconds
    FROM fer_edge_state
) AS held, jsonb_array_elements(held.readings) AS reading
WHERE held.state = 'running' AND held.seconds IS NOT NULL;

CREATE OR REPLACE VIEW fer_edge_hourly AS
SELECT date_trunc('hour', time) AS hour, area, emotion,
    sum(seconds) AS face_seconds,
    sum(seconds) / nullif(sum(sum(seconds)) OVER (PARTITION BY date_trunc('hour', time), area), 0) AS share
FROM fer_edge_shown
GROUP BY hour, area, emotion;
