// Runs the sketch: 3 pieces, a bouncing contact, the broker away during 4 more, then a restart's
// worth of silence. Prints what it published.
#include <Arduino.h>

unsigned long fakeMillis = 1000;
bool brokerThere = true;

#include SKETCH

static void runFor(unsigned long ms) {
  for (unsigned long end = fakeMillis + ms; fakeMillis < end;) loop();
}

static void piece() {
  fakeMillis += 200;
  onPiece();
  onPiece();  // the contact bounces
  loop();
}

int main() {
  setup();
  runFor(100);
  for (int number = 0; number < 3; number++) piece();
  brokerThere = false;
  for (int number = 0; number < 4; number++) piece();
  brokerThere = true;
  runFor(25000);
}
