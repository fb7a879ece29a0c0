package schedule

import (
	"fmt"
	"strings"
	"time"
)

// weekdays is a set of days, Sunday in the lowest bit.
type weekdays uint8

func (d weekdays) has(day time.Weekday) bool { return d&(1<<day) != 0 }

// parseDays reads days and ranges of them, separated by commas; a range may go over the week's end.
func parseDays(text string) (days weekdays, err error) {
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		set, ok := parseRange(part)
		if !ok {
			return 0, fmt.Errorf("days %q: want daily, weekdays, weekends, or days as mon-fri or sat,sun", text)
		}
		days |= set
	}
	return days, nil
}

func parseRange(part string) (days weekdays, ok bool) {
	switch part {
	case everyDay:
		return 1<<7 - 1, true
	case "weekdays":
		return parseRange("mon-fri")
	case "weekends":
		return parseRange("sat-sun")
	}
	first, last, isRange := strings.Cut(part, "-")
	if !isRange {
		last = first
	}
	from, ok := parseDay(first)
	until, ok2 := parseDay(last)
	if !ok || !ok2 {
		return 0, false
	}
	for day := from; ; day = (day + 1) % 7 {
		if days |= 1 << day; day == until {
			return days, true
		}
	}
}

// parseDay reads a day's English name or its first three letters.
func parseDay(s string) (time.Weekday, bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if name := strings.ToLower(day.String()); s == name || s == name[:3] {
			return day, true
		}
	}
	return 0, false
}
