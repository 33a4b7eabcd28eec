// Reason codes of MQTT 5.0, section 2.4, and the return codes of MQTT 3.x.

export const SUCCESS = 0x00
export const GRANTED_QOS_1 = 0x01
export const GRANTED_QOS_2 = 0x02
export const DISCONNECT_WITH_WILL = 0x04
export const NO_MATCHING_SUBSCRIBERS = 0x10
export const NO_SUBSCRIPTION_EXISTED = 0x11
export const CONTINUE_AUTHENTICATION = 0x18
export const REAUTHENTICATE = 0x19
export const UNSPECIFIED_ERROR = 0x80
export const MALFORMED_PACKET = 0x81
export const PROTOCOL_ERROR = 0x82
export const IMPLEMENTATION_SPECIFIC_ERROR = 0x83
export const UNSUPPORTED_PROTOCOL_VERSION = 0x84
export const CLIENT_IDENTIFIER_NOT_VALID = 0x85
export const BAD_USER_NAME_OR_PASSWORD = 0x86
export const NOT_AUTHORIZED = 0x87
export const SERVER_UNAVAILABLE = 0x88
export const SERVER_BUSY = 0x89
export const BANNED = 0x8a
export const SERVER_SHUTTING_DOWN = 0x8b
export const BAD_AUTHENTICATION_METHOD = 0x8c
export const KEEP_ALIVE_TIMEOUT = 0x8d
export const SESSION_TAKEN_OVER = 0x8e
export const TOPIC_FILTER_INVALID = 0x8f
export const TOPIC_NAME_INVALID = 0x90
export const PACKET_IDENTIFIER_IN_USE = 0x91
export const PACKET_IDENTIFIER_NOT_FOUND = 0x92
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93
export const TOPIC_ALIAS_INVALID = 0x94
export const PACKET_TOO_LARGE = 0x95
export const MESSAGE_RATE_TOO_HIGH = 0x96
export const QUOTA_EXCEEDED = 0x97
export const ADMINISTRATIVE_ACTION = 0x98
export const PAYLOAD_FORMAT_INVALID = 0x99
export const RETAIN_NOT_SUPPORTED = 0x9a
export const QOS_NOT_SUPPORTED = 0x9b
export const USE_ANOTHER_SERVER = 0x9c
export const SERVER_MOVED = 0x9d
export const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9e
export const CONNECTION_RATE_EXCEEDED = 0x9f
export const MAXIMUM_CONNECT_TIME = 0xa0
export const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xa1
export const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xa2

const NAMES = {
  [SUCCESS]: 'success',
  [GRANTED_QOS_1]: 'granted QoS 1',
  [GRANTED_QOS_2]: 'granted QoS 2',
  [DISCONNECT_WITH_WILL]: 'disconnect with will',
  [NO_MATCHING_SUBSCRIBERS]: 'no matching subscribers',
  [NO_SUBSCRIPTION_EXISTED]: 'no subscription existed',
  [CONTINUE_AUTHENTICATION]: 'continue authentication',
  [REAUTHENTICATE]: 're-authenticate',
  [UNSPECIFIED_ERROR]: 'unspecified error',
  [MALFORMED_PACKET]: 'malformed packet',
  [PROTOCOL_ERROR]: 'protocol error',
  [IMPLEMENTATION_SPECIFIC_ERROR]: 'implementation specific error',
  [UNSUPPORTED_PROTOCOL_VERSION]: 'unsupported protocol version',
  [CLIENT_IDENTIFIER_NOT_VALID]: 'client identifier not valid',
  [BAD_USER_NAME_OR_PASSWORD]: 'bad user name or password',
  [NOT_AUTHORIZED]: 'not authorized',
  [SERVER_UNAVAILABLE]: 'server unavailable',
  [SERVER_BUSY]: 'server busy',
  [BANNED]: 'banned',
  [SERVER_SHUTTING_DOWN]: 'server shutting down',
  [BAD_AUTHENTICATION_METHOD]: 'bad authentication method',
  [KEEP_ALIVE_TIMEOUT]: 'keep alive timeout',
  [SESSION_TAKEN_OVER]: 'session taken over',
  [TOPIC_FILTER_INVALID]: 'topic filter invalid',
  [TOPIC_NAME_INVALID]: 'topic name invalid',
  [PACKET_IDENTIFIER_IN_USE]: 'packet identifier in use',
  [PACKET_IDENTIFIER_NOT_FOUND]: 'packet identifier not found',
  [RECEIVE_MAXIMUM_EXCEEDED]: 'receive maximum exceeded',
  [TOPIC_ALIAS_INVALID]: 'topic alias invalid',
  [PACKET_TOO_LARGE]: 'packet too large',
  [MESSAGE_RATE_TOO_HIGH]: 'message rate too high',
  [QUOTA_EXCEEDED]: 'quota exceeded',
  [ADMINISTRATIVE_ACTION]: 'administrative action',
  [PAYLOAD_FORMAT_INVALID]: 'payload format invalid',
  [RETAIN_NOT_SUPPORTED]: 'retain not supported',
  [QOS_NOT_SUPPORTED]: 'QoS not supported',
  [USE_ANOTHER_SERVER]: 'use another server',
  [SERVER_MOVED]: 'server moved',
  [SHARED_SUBSCRIPTIONS_NOT_SUPPORTED]: 'shared subscriptions not supported',
  [CONNECTION_RATE_EXCEEDED]: 'connection rate exceeded',
  [MAXIMUM_CONNECT_TIME]: 'maximum connect time',
  [SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED]: 'subscription identifiers not supported',
  [WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED]: 'wildcard subscriptions not supported',
} as const

export type ReasonCode = keyof typeof NAMES

/** The name of the reason in the specification, in lower case, for logs and reason strings. */
export function reasonName(reason: ReasonCode): string {
  return NAMES[reason]
}

export function isReasonCode(value: number): value is ReasonCode {
  return value in NAMES
}

/** Whether the operation failed: 0x80 and above (5.0, section 2.4). */
export function isFailure(reason: ReasonCode): boolean {
  return reason >= 0x80
}

/** Reasons that may be temporary, so that a client should try again later: return code 3 of 3.x. */
const PASSING: ReadonlySet<ReasonCode> = new Set([
  UNSPECIFIED_ERROR,
  IMPLEMENTATION_SPECIFIC_ERROR,
  SERVER_UNAVAILABLE,
  SERVER_BUSY,
  SERVER_SHUTTING_DOWN,
  QUOTA_EXCEEDED,
  USE_ANOTHER_SERVER,
  SERVER_MOVED,
  CONNECTION_RATE_EXCEEDED,
])

/** Whether 3.x has a return code with the meaning of the reason. "Try again later" must not be sent for a permanent reason. */
export function hasConnectReturnCode(reason: ReasonCode): boolean {
  return connectReturnCode(reason) !== 3 || PASSING.has(reason)
}

/** Returns the CONNACK return code of MQTT 3.1.1 (section 3.2.2.3) whose meaning is nearest to the reason. */
export function connectReturnCode(reason: ReasonCode): number {
  switch (reason) {
    case SUCCESS:
      return 0
    case UNSUPPORTED_PROTOCOL_VERSION:
      return 1
    case CLIENT_IDENTIFIER_NOT_VALID:
      return 2
    case BAD_USER_NAME_OR_PASSWORD:
    case BAD_AUTHENTICATION_METHOD:
      return 4
    case NOT_AUTHORIZED:
    case BANNED:
      return 5
    default:
      return 3
  }
}

const REASON_OF_RETURN_CODE: readonly ReasonCode[] = [
  SUCCESS,
  UNSUPPORTED_PROTOCOL_VERSION,
  CLIENT_IDENTIFIER_NOT_VALID,
  SERVER_UNAVAILABLE,
  BAD_USER_NAME_OR_PASSWORD,
  NOT_AUTHORIZED,
]

/** Returns the reason code of 5.0 for a CONNACK return code of 3.x, or null for reserved codes (6 to 255). */
export function reasonOfReturnCode(returnCode: number): ReasonCode | null {
  return REASON_OF_RETURN_CODE[returnCode] ?? null
}
