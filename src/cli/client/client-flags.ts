// The flags of `pondhawk pub` and `pondhawk sub`: those of mosquitto_pub and mosquitto_sub that people use, with the same letters.

import type { Flag } from '../commands.ts'

function text(name: string, short: string | null, value: string, help: string): Flag {
  return { name, ...(short !== null && { short }), type: 'string', value, help }
}

function set(name: string, short: string | null, help: string): Flag {
  return { name, ...(short !== null && { short }), type: 'boolean', help }
}

const CONNECTION: readonly Flag[] = [
  text('host', 'h', 'HOST', 'the broker (default: localhost)'),
  text('port', 'p', 'PORT', 'default: 1883, or 8883 with TLS'),
  text(
    'url',
    'L',
    'URL',
    'mqtt(s)://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC, or ws(s)://HOST[:PORT]/PATH',
  ),
  text('unix', null, 'PATH', 'a Unix socket instead of a port'),
  text('id', 'i', 'ID', 'client id (default: a random one)'),
  text('id-prefix', 'I', 'PREFIX', 'client id: this and the number of the process'),
  text('username', 'u', 'NAME', 'user name'),
  text('pw', 'P', 'PASSWORD', 'password; others on this machine may see it'),
  text('keepalive', 'k', 'SECONDS', 'keep-alive (default: 60)'),
  set('disable-clean-session', 'c', 'keep the session; needs -i'),
  text('session-expiry-interval', 'x', 'SECONDS', 'how long the session stays (MQTT 5)'),
  text(
    'protocol-version',
    'V',
    'VERSION',
    '5, 311 (default) or 31; also mqttv5, mqttv311, mqttv31',
  ),
  text('qos', 'q', 'QOS', '0 (default), 1 or 2'),
  text('will-topic', null, 'TOPIC', 'topic of the will'),
  text('will-payload', null, 'TEXT', 'payload of the will'),
  text('will-qos', null, 'QOS', 'QoS of the will'),
  set('will-retain', null, 'the will is retained'),
  text('cafile', null, 'FILE', 'TLS, with these authorities'),
  text('cert', null, 'FILE', 'certificate of this client'),
  text('key', null, 'FILE', 'its private key'),
  set('insecure', null, 'do not compare the name in the certificate with the host'),
  text(
    'property',
    'D',
    'PACKET NAME VALUE',
    'a property of MQTT 5: -D publish content-type text/plain',
  ),
  set('debug', 'd', 'print a line for each packet'),
  set('quiet', null, 'print no errors'),
]

export const PUB_FLAGS: readonly Flag[] = [
  text('topic', 't', 'TOPIC', 'topic to publish to'),
  text('message', 'm', 'TEXT', 'the message'),
  text('file', 'f', 'FILE', 'the content of a file is the message'),
  set('stdin-line', 'l', 'each line of the standard input is a message'),
  set('stdin-file', 's', 'the whole standard input is one message'),
  set('null-message', 'n', 'a message without payload; with -r it removes a retained one'),
  set('retain', 'r', 'the message is retained'),
  text('repeat', null, 'NUMBER', 'publish so often'),
  text('repeat-delay', null, 'SECONDS', 'and wait between'),
  ...CONNECTION,
]

export const SUB_FLAGS: readonly Flag[] = [
  text('topic', 't', 'FILTER', 'topic filter; may be repeated'),
  set('verbose', 'v', 'print the topic before the payload'),
  text(
    'format',
    'F',
    'FORMAT',
    'print %t (topic), %p (payload), %j (all as JSON), @H:@M and so on',
  ),
  text('count', 'C', 'NUMBER', 'end after so many messages'),
  text('timeout', 'W', 'SECONDS', 'end after so many seconds, with status 27'),
  set(
    'no-retained',
    'R',
    'do not print retained messages that are sent because of the subscription',
  ),
  set('retained-only', null, 'print retained messages only, and end at the first other one'),
  set('subscribed', 'E', 'end when the subscriptions are acknowledged'),
  set('no-newline', 'N', 'no line feed after a payload'),
  text('filter-out', 'T', 'FILTER', 'do not print these topics; may be repeated'),
  text('unsubscribe', 'U', 'FILTER', 'unsubscribe from this; may be repeated'),
  ...CONNECTION,
]
