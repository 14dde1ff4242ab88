"""Writes the night's invoices, then waits for more work.

    invoices.py COUNT

Its process id is in invoices.pid.
"""

import os
import sys
import time


def invoice(number):
    lines = [f"{count} x earl grey tea, 500 g" for count in range(1, 2 + number % 7)]
    return "\n".join([f"Invoice {number}", *lines, "Thank you!"]).encode()


def main():
    with open("invoices.pid", "w") as file:
        file.write(str(os.getpid()))
    written = []
    for number in range(int(sys.argv[1])):
        written.append(invoice(number))  # for a summary that nobody reads any more
    print(f"{len(written)} invoices are written", flush=True)
    while "more-work" not in os.listdir():
        time.sleep(0.005)


main()
