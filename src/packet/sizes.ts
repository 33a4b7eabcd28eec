// Sizes from which bytes are handled differently. They are in one file because they depend on each other.

/**
 * Payloads of this size and above are never copied when they are sent: the encoder keeps them beside the head, and the outbox
 * hands them to the socket. Therefore the framer copies packets of this size into memory of their own.
 */
export const LARGE_BYTES_MIN = 16_384

/** Up to this size V8 stores the bytes in the heap, within the object: such a copy shares memory with no other at no extra cost. */
export const SMALL_BYTES_MAX = 64

/** Up to this size a loop over bytes is faster than a view and a call into the engine. */
export const LOOP_BYTES_MAX = 64
