"""One gateway to the fleet: python3 gateway.py NAME"""

import os
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

name = sys.argv[1]


def on_message(client, userdata, message):
    device, command = message.topic.split("/")[1], message.payload.decode()
    time.sleep(0.2)  # the way to the device
    print(f"{name}: {device} {command}", flush=True)
    client.publish(f"fleet/{device}/done", command, qos=1)
    # paho acknowledges the command when this function returns.


def on_connect(client, userdata, flags, reason, properties):
    settings = Properties(PacketTypes.SUBSCRIBE)
    settings.UserProperty = [("order", "keyed"), ("key", "topic.2")]
    client.subscribe("$queue/commands/fleet/+/command", qos=1, properties=settings)


def on_subscribe(client, userdata, packet_id, reasons, properties):
    with open(f"{name}.pid", "w") as file:
        file.write(str(os.getpid()))
    print(f"{name} is ready", flush=True)


client = mqtt.Client(client_id=f"gateway-{name}", protocol=mqtt.MQTTv5)
client.on_connect, client.on_message, client.on_subscribe = on_connect, on_message, on_subscribe
window = Properties(PacketTypes.CONNECT)
window.ReceiveMaximum = 1  # one command at a time
client.connect("localhost", 1883, properties=window)
client.loop_forever()
