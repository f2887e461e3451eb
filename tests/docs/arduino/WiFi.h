#pragma once
struct WiFiClient {};
struct WiFiStation {
  void begin(const char *, const char *) {}
};
inline WiFiStation WiFi;
