// Just enough of an ESP32's Arduino to run the sketch on a computer, under a clock of the test's.
#pragma once
#include <cstdint>
#include <cstdio>
#include <ctime>

#define IRAM_ATTR
#define INPUT_PULLUP 5
#define FALLING 2

extern unsigned long fakeMillis;
inline unsigned long millis() { return fakeMillis; }
inline void delay(unsigned long ms) { fakeMillis += ms; }
inline void pinMode(int, int) {}
inline int digitalPinToInterrupt(int pin) { return pin; }
inline void attachInterrupt(int, void (*)(), int) {}
inline void configTime(long, int, const char *) {}
inline uint32_t esp_random() { return 0xC0FFEE; }
