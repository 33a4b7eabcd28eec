// How clients connect: lines to paste for the tools that people use, with the address of this broker filled in.

import { useSignal } from '@preact/signals'
import { Choice, Snippet } from '../show/parts.tsx'
import { mqttPlace, type Place, usePlaces } from './places.ts'

interface Wanted extends Place {
  readonly user: string
}

interface Tool {
  readonly name: string
  readonly snippet: (wanted: Wanted) => string
}

/** As an argument of a shell. */
function quoted(text: string): string {
  return /^[\w.@%+:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function asText(text: string): string {
  return JSON.stringify(text)
}

function urlOf({ host, port, isTls }: Wanted): string {
  return `${isTls ? 'mqtts' : 'mqtt'}://${host}:${port}`
}

const TOOLS: readonly Tool[] = [
  {
    name: 'mosquitto',
    snippet: ({ host, port, isTls, user }) => {
      const login = user === '' ? '' : ` -u ${quoted(user)} -P PASSWORD`
      const tls = isTls ? ' --cafile ca.crt' : ''
      const at = `-h ${quoted(host)} -p ${port}${tls}${login}`
      return `mosquitto_sub ${at} -t 'hello/#' -v\nmosquitto_pub ${at} -t hello/world -m hi`
    },
  },
  {
    name: 'MQTT.js',
    snippet: wanted => {
      const login =
        wanted.user === ''
          ? ''
          : `, {\n  username: ${asText(wanted.user)},\n  password: 'PASSWORD',\n}`
      return `import mqtt from 'mqtt'

const client = await mqtt.connectAsync('${urlOf(wanted)}'${login})
client.on('message', (topic, payload) => console.log(topic, payload.toString()))
await client.subscribeAsync('hello/#', { qos: 1 })
await client.publishAsync('hello/world', 'hi', { qos: 1 })`
    },
  },
  {
    name: 'Python',
    snippet: ({ host, port, isTls, user }) => `import paho.mqtt.client as mqtt

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
${user === '' ? '' : `client.username_pw_set(${asText(user)}, "PASSWORD")\n`}${isTls ? 'client.tls_set("ca.crt")\n' : ''}client.on_connect = lambda client, *_: client.subscribe("hello/#", qos=1)
client.on_message = lambda _client, _data, message: print(message.topic, message.payload)
client.connect(${asText(host)}, ${port})
client.loop_forever()`,
  },
  {
    name: 'Arduino',
    snippet: ({ host, port, user }) => `#include <WiFi.h>
#include <PubSubClient.h>

WiFiClient network;
PubSubClient client(network);

void setup() {
  WiFi.begin("NETWORK", "PASSWORD");
  while (WiFi.status() != WL_CONNECTED) delay(100);
  client.setServer(${asText(host)}, ${port});
}

void loop() {
  if (!client.connected()) client.connect("esp32-1"${user === '' ? '' : `, ${asText(user)}, "PASSWORD"`});
  client.publish("hello/esp32-1", "hi");
  client.loop();
  delay(5000);
}`,
  },
  {
    name: 'Home Assistant',
    snippet: ({ host, port, user }) =>
      `Settings, Devices & services, Add integration, MQTT\n\nBroker    ${host}\nPort      ${port}\n${user === '' ? 'Username  leave empty' : `Username  ${user}`}`,
  },
  {
    name: 'zigbee2mqtt',
    snippet: wanted =>
      `mqtt:\n  server: ${urlOf(wanted)}\n  version: 5${wanted.user === '' ? '' : `\n  user: ${asText(wanted.user)}\n  password: PASSWORD`}`,
  },
]

export function Connect() {
  usePlaces()
  const tool = useSignal(TOOLS[0]?.name ?? '')
  const host = useSignal(mqttPlace.value.host)
  const user = useSignal('')
  const wanted = { ...mqttPlace.value, host: host.value, user: user.value }
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(host.value)
  return (
    <div class="stack">
      <div class="row">
        <label>
          Host
          <input
            value={host.value}
            spellcheck={false}
            onInput={event => (host.value = event.currentTarget.value)}
          />
        </label>
        <label>
          User, if the broker asks for one
          <input
            value={user.value}
            spellcheck={false}
            autocomplete="off"
            onInput={event => (user.value = event.currentTarget.value)}
          />
        </label>
      </div>
      {isLoopback && (
        <p class="dim">
          This address is of the computer itself. Devices need its name or number in the network,
          and a listener there: pondhawk --lan.
        </p>
      )}
      <Choice
        label="Tool"
        value={tool.value}
        options={TOOLS.map(({ name }) => [name, name] as const)}
        onChange={next => (tool.value = next)}
      />
      <Snippet
        what={`the lines for ${tool.value}`}
        text={TOOLS.find(({ name }) => name === tool.value)?.snippet(wanted) ?? ''}
      />
    </div>
  )
}
