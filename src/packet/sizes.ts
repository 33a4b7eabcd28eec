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

/** The same where there is a view already: to copy it takes 25 ns, whatever its size. */
export const VIEW_LOOP_BYTES_MAX = 16

/**
 * Up to this size bytes of which there is no view are written word by word: 31 take 25 ns so, 47 by a loop over bytes, because V8 checks both
 * arrays and its stack for each, and 80 by making a view and copying it.
 */
export const WORDS_BYTES_MAX = 128
