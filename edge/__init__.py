"""The gateway: MQTT in, an outbox on disk, bundles of frames to the stream."""
