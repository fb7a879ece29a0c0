// Package schedule says at which rates a node runs at which time of the week. It is a pure function of
// the windows and of a time, whose zone is the operator's: times are those of the clock on the wall. On
// the day when clocks go forward the hour left out is simply not there, and on the day when they go
// back the hour that comes twice counts both times.
package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is a part of the week with rates of its own. Where windows overlap the first one counts.
type Window struct {
	Days     string `json:"days"`                      // as "mon-fri", "sat,sun", "daily"
	From     string `json:"from"`                      // "22:30"
	Until    string `json:"until"`                     // "06:00"; not later than From: the next day
	Upload   int64  `json:"upload_bytes_per_second"`   // 0: unlimited
	Download int64  `json:"download_bytes_per_second"` // 0: unlimited
	Pause    bool   `json:"pause,omitempty"`           // nothing is downloaded, and uploads are held at the rate given
}

const (
	dayMinutes = 24 * 60
	everyDay   = "daily"
	clockForm  = "15:04"
	midnight   = "24:00" // the end of a day; time.Parse does not know it
	// maxText bounds a window as it is typed.
	maxText = 200
)

// At returns the first window that holds at now, by the wall clock of now's zone; false: none does.
// A window that is not valid never holds.
func At(ws []Window, now time.Time) (w Window, ok bool) {
	for _, w := range ws {
		if w.holds(now) {
			return w, true
		}
	}
	return Window{}, false
}

func (w Window) holds(now time.Time) bool {
	days, from, until, err := w.read()
	if err != nil {
		return false
	}
	minute := now.Hour()*60 + now.Minute()
	today := days.has(now.Weekday())
	if from < until {
		return today && from <= minute && minute < until
	}
	yesterday := days.has((now.Weekday() + 6) % 7)
	return today && from <= minute || yesterday && minute < until
}

// Validate says what is wrong with a window and what would be right.
func (w Window) Validate() error {
	if _, _, _, err := w.read(); err != nil {
		return err
	}
	if w.Upload < 0 || w.Download < 0 {
		return errors.New("rates must not be negative; 0 means unlimited")
	}
	return nil
}

// read returns the window's days and its bounds in minutes of the day.
func (w Window) read() (days weekdays, from, until int, err error) {
	if days, err = parseDays(w.Days); err != nil {
		return 0, 0, 0, err
	}
	if from, err = parseClock(w.From); err == nil && from == dayMinutes {
		err = fmt.Errorf("time %q: a window begins at 23:59 at the latest", w.From)
	}
	if err != nil {
		return 0, 0, 0, err
	}
	until, err = parseClock(w.Until)
	return days, from, until, err
}

func parseClock(s string) (minute int, err error) {
	if s == midnight {
		return dayMinutes, nil
	}
	t, err := time.Parse(clockForm, s)
	if err != nil || len(s) != len(clockForm) {
		return 0, fmt.Errorf("time %q: want hours and minutes, as 08:00 or 22:30", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Parse reads a window as people write it: days, a time from and until, and rates per second, of which
// those left out are unlimited. Days and rates may be left out.
//
//	mon-fri 08:00-18:00 up=1MiB down=500kB
//	sat,sun 22:30-06:00
//	daily 19:00-23:00 up=200KiB pause
func Parse(text string) (w Window, err error) {
	if len(text) > maxText {
		return w, fmt.Errorf("the window is longer than %d characters", maxText)
	}
	words := strings.Fields(strings.ToLower(text))
	w.Days = everyDay
	if len(words) > 1 && !strings.Contains(words[0], ":") {
		w.Days, words = words[0], words[1:]
	}
	if len(words) == 0 || !strings.Contains(words[0], ":") {
		return Window{}, fmt.Errorf("window %q: want days and a time, as mon-fri 08:00-18:00 up=1MiB down=500KiB", text)
	}
	w.From, w.Until, _ = strings.Cut(words[0], "-")
	for _, word := range words[1:] {
		if err := w.set(word); err != nil {
			return Window{}, err
		}
	}
	if err := w.Validate(); err != nil {
		return Window{}, err
	}
	return w, nil
}

func (w *Window) set(word string) (err error) {
	switch name, value, _ := strings.Cut(word, "="); {
	case name == "up":
		w.Upload, err = parseRate(value)
	case name == "down":
		w.Download, err = parseRate(value)
	case word == "pause":
		w.Pause = true
	default:
		err = fmt.Errorf("%q in a window: want up=RATE, down=RATE or pause", word)
	}
	return err
}

// String is what Parse reads.
func (w Window) String() string {
	s := fmt.Sprintf("%s %s-%s up=%s down=%s", w.Days, w.From, w.Until, rateText(w.Upload), rateText(w.Download))
	if w.Pause {
		s += " pause"
	}
	return s
}

const unlimited = "unlimited"

// units are those of a rate, the largest first, so that rateText finds the shortest form.
var units = [...]struct {
	name   string
	factor int64
}{{"gib", 1 << 30}, {"gb", 1e9}, {"mib", 1 << 20}, {"mb", 1e6}, {"kib", 1 << 10}, {"kb", 1e3}, {"g", 1e9}, {"m", 1e6}, {"k", 1e3}, {"b", 1}}

// maxRate is far above every line, and far below where bytes overflow.
const maxRate = 1 << 50

// parseRate reads bytes per second; 0 means unlimited.
func parseRate(text string) (int64, error) {
	if text == unlimited {
		return 0, nil
	}
	number, factor := strings.TrimSuffix(text, "/s"), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = rest, u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	rate := n * float64(factor)
	if err != nil || strings.Trim(number, "0123456789.") != "" || rate > maxRate || n > 0 && rate < 1 {
		return 0, fmt.Errorf("rate %q: want bytes per second, as 500KiB, 1.5MiB, or 0 for unlimited", text)
	}
	return int64(rate), nil
}

func rateText(n int64) string {
	if n == 0 {
		return unlimited
	}
	for _, u := range units {
		if n%u.factor == 0 && u.factor > 1 {
			return strconv.FormatInt(n/u.factor, 10) + shown[u.name]
		}
	}
	return strconv.FormatInt(n, 10)
}

// shown are the units as they are usually written.
var shown = map[string]string{"gib": "GiB", "gb": "GB", "mib": "MiB", "mb": "MB", "kib": "KiB", "kb": "kB"}
