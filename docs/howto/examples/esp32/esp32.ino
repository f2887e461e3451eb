// A light barrier counts what falls out of a press; the total goes to gemba over Wi-Fi.
// Board: any ESP32. Library: PubSubClient (in the Arduino library manager).
#include <WiFi.h>
#include <PubSubClient.h>
#include <sys/time.h>

const char *WIFI_NAME = "workshop";
const char *WIFI_PASSWORD = "change me";
const char *BROKER = "192.168.1.10";
const char *USER = "press-2";
const char *PASSWORD = "change me";
const char *PRESS = "plant-1/cutting/line-1/press-2";
const int SENSOR_PIN = 4;
const unsigned long DEBOUNCE_MS = 50;
const unsigned long REPEAT_MS = 10000;

WiFiClient wifi;
PubSubClient mqtt(wifi);
volatile unsigned long pieces = 0;
volatile unsigned long pulseAt = 0;
char boot[16];
unsigned long seq = 0;
unsigned long told = 0;
unsigned long toldAt = 0;
bool begun = false;

void IRAM_ATTR onPiece() {
  if (millis() - pulseAt < DEBOUNCE_MS) return;
  pulseAt = millis();
  pieces = pieces + 1;
}

long long epochMs() {
  struct timeval now;
  gettimeofday(&now, nullptr);
  return now.tv_sec * 1000LL + now.tv_usec / 1000;
}

bool tellTotal(unsigned long total) {
  char topic[128], payload[160];
  snprintf(topic, sizeof topic, "gemba/v1/%s/count", PRESS);
  snprintf(payload, sizeof payload, "{\"t\":%lld,\"boot\":\"%s\",\"seq\":%lu,\"good_total\":%lu}",
           epochMs(), boot, seq, total);
  seq++;  // a number is never used twice, whether the message arrived or not
  if (!mqtt.publish(topic, payload)) return false;
  told = total;
  toldAt = millis();
  return true;
}

void setup() {
  pinMode(SENSOR_PIN, INPUT_PULLUP);
  attachInterrupt(digitalPinToInterrupt(SENSOR_PIN), onPiece, FALLING);
  snprintf(boot, sizeof boot, "%08lx", (unsigned long)esp_random());
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  configTime(0, 0, "pool.ntp.org");  // UTC; the site's time zone is gemba's business
  mqtt.setServer(BROKER, 1883);
  mqtt.setBufferSize(512);
}

void loop() {
  if (time(nullptr) < 1700000000) return delay(100);  // without a clock there is no `t`
  if (!mqtt.connected() && !mqtt.connect(PRESS, USER, PASSWORD)) return delay(1000);
  mqtt.loop();
  unsigned long total = pieces;
  if (!begun) begun = tellTotal(0);  // the chain of readings begins here
  if (total != told || millis() - toldAt >= REPEAT_MS) tellTotal(total);
  delay(10);
}
