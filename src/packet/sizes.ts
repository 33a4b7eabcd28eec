// Sizes at which bytes are handled in another way. They stand together because they must agree.

/**
 * Payloads from this size on are never copied on their way out: the encoder leaves them beside the head, the outbox hands
 * them to the socket as they are, and so the framer gives packets of this size memory of their own.
 */
export const LARGE_BYTES_MIN = 16_384

/** Up to here V8 keeps bytes in the heap, beside their object: such a copy shares memory with no other and costs no more. */
export const SMALL_BYTES_MAX = 64

/** Up to here a loop over bytes is quicker than a view of them and a call into the engine. */
export const LOOP_BYTES_MAX = 64
