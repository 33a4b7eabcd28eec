# Publishes one message of each QoS to itself with Debian's paho-mqtt, and prints what it hears.

import sys
import paho.mqtt.client as mqtt

PORT, VERSION = int(sys.argv[1]), int(sys.argv[2])
heard = []


def on_connect(client, userdata, flags, reason, properties=None):
    client.subscribe("paho/#", qos=2)


def on_subscribe(client, userdata, message_id, granted, properties=None):
    for qos in (0, 1, 2):
        client.publish("paho/q%d" % qos, "qos %d" % qos, qos=qos)


def on_message(client, userdata, message):
    heard.append("%s %s" % (message.topic, message.payload.decode()))
    if len(heard) == 3:
        client.disconnect()


client = mqtt.Client(client_id="paho", protocol=VERSION)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect("127.0.0.1", PORT)
client.loop_forever()
print("\n".join(heard))
