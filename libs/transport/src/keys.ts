// The braces are Redis Cluster hash tags: a service's stream and its dead letters share one slot, so a move between
// them is one transaction. Nothing here spans two services.

/** Stream of the requests and events that wait for a service; its consumer group has the service's name. */
export const requestStream = (service: string): string => `svc:{${service}}:req`;

/** Stream of the entries that a service gave up on, with the reason. */
export const deadStream = (service: string): string => `svc:{${service}}:dead`;

/** Pub/sub channel of one caller. Per caller, not per pattern: a shared one shows every reply to every process. */
export const replyChannel = (clientId: string): string => `rep:${clientId}`;

/** A request may have its answer sent to a caller, not to whatever channel it names. */
export const isReplyChannel = (channel: string | undefined): channel is string => channel?.startsWith('rep:') === true;

/** Pub/sub channel of a broadcast, or of one of its topics. */
export const broadcastChannel = (name: string, topic?: string): string => (topic === undefined ? `bc:${name}` : `bc:${name}:${topic}`);

/**
 * Entries a stream may hold. XADD trims beyond it and would drop undelivered work, so it is a fuse against filling
 * Redis (about 16 minutes of a dead service at 1,000 events/s, some 200 MB), not a limit; alarm on the backlog.
 */
export const STREAM_FUSE = 1_000_000;
