"""Books an order in SQLite and tells stock, both or neither: python3 booking.py ORDER [dies-before | dies-after]"""

import json
import os
import queue
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt

database = sqlite3.connect("orders.db")
database.execute("CREATE TABLE IF NOT EXISTS orders (name TEXT PRIMARY KEY)")
# The database decides: whoever is first to write a transaction here.
database.execute("CREATE TABLE IF NOT EXISTS decisions (id TEXT PRIMARY KEY, verdict TEXT)")

outcomes, undecided = queue.Queue(), queue.Queue()
client = mqtt.Client(client_id="booking")  # MQTT 3.1.1 is enough
client.message_callback_add("$tx/outcome", lambda *args: outcomes.put(json.loads(args[2].payload)))
client.message_callback_add("$tx/undecided", lambda *args: undecided.put(json.loads(args[2].payload)))


def send(id, command, payload="", expected=None):
    client.publish(f"$tx/{id}/{command}", payload, qos=1)
    outcome = outcomes.get(timeout=10) if expected else None
    if outcome and outcome["outcome"] != expected:
        raise RuntimeError(outcome["sentence"])


def decide(id, verdict):
    if verdict == "commit":
        send(id, "commit", "1", expected="committed")
    else:
        send(id, "abort", expected="aborted")


def recover():
    """Decides what an earlier run has prepared and not decided. The broker asks for it."""
    while True:
        try:
            ids = undecided.get(timeout=0.3)
        except queue.Empty:
            return
        for id in ids:
            # Without a row it is aborted, and a run that was only slow cannot book it any more.
            with database:
                database.execute("INSERT OR IGNORE INTO decisions VALUES (?, 'abort')", (id,))
            row = database.execute("SELECT verdict FROM decisions WHERE id = ?", (id,)).fetchone()
            decide(id, row[0])
            print(f"{id}: {row[0]}")


def book(order, dies):
    id = f"orders.{time.time_ns() // 1000}"  # a higher number each time
    send(id, "publish/stock/reserve", order)
    send(id, "prepare", "1", expected="prepared")  # from now on the broker can always commit it
    if dies == "dies-before":
        os._exit(1)
    with database:  # the decision, together with the order
        database.execute("INSERT INTO orders VALUES (?)", (order,))
        database.execute("INSERT INTO decisions VALUES (?, 'commit')", (id,))
    if dies == "dies-after":
        os._exit(1)
    decide(id, "commit")
    print(f"{order} is booked, and stock knows")


subscribed = queue.Queue()
client.on_subscribe = lambda *args: subscribed.put(True)
client.connect("localhost", 1883)
client.loop_start()
client.subscribe([("$tx/outcome", 1), ("$tx/undecided", 1)])
subscribed.get(timeout=10)
recover()
if len(sys.argv) > 1:
    book(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
client.disconnect()
