package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/seeder/schedule"
)

func parse(t testing.TB, text string) schedule.Window {
	t.Helper()
	w, err := schedule.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return w
}

func TestParse(t *testing.T) {
	for text, want := range map[string]schedule.Window{
		"mon-fri 08:00-18:00 up=1MiB down=0":    {Days: "mon-fri", From: "08:00", Until: "18:00", Upload: 1 << 20},
		"  SAT,Sunday   22:30-06:00 ":           {Days: "sat,sunday", From: "22:30", Until: "06:00"},
		"00:00-24:00 down=1.5kB/s":              {Days: "daily", From: "00:00", Until: "24:00", Download: 1500},
		"weekends 19:00-23:00 up=200k pause":    {Days: "weekends", From: "19:00", Until: "23:00", Upload: 200_000, Pause: true},
		"fri-mon 12:00-12:00 up=unlimited":      {Days: "fri-mon", From: "12:00", Until: "12:00"},
		"mon 01:00-02:00 down=1g up=7 down=2gb": {Days: "mon", From: "01:00", Until: "02:00", Upload: 7, Download: 2_000_000_000},
	} {
		if got := parse(t, text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestParseSaysWhatIsWanted(t *testing.T) {
	for text, word := range map[string]string{
		"": "mon-fri 08:00-18:00", "mon-fri": "mon-fri 08:00-18:00", "mon 8-18": "mon-fri 08:00-18:00",
		"mon 08:00": "hours and minutes", "mon 8:00-18:00": "hours and minutes", "mon 08:00-25:00": "hours and minutes",
		"mon 24:00-06:00": "23:59 at the latest", "mon 08:60-18:00": "hours and minutes",
		"mo 08:00-18:00": "days", "mon-fry 08:00-18:00": "days", "mon, 08:00-18:00": "days", "mon--fri 08:00-18:00": "days",
		"mon 08:00-18:00 up": "bytes per second", "mon 08:00-18:00 up=-1": "bytes per second", "mon 08:00-18:00 up=1e3": "bytes per second",
		"mon 08:00-18:00 up=0.1": "bytes per second", "mon 08:00-18:00 up=nan": "bytes per second", "mon 08:00-18:00 up=9999999GiB": "bytes per second",
		"mon 08:00-18:00 fast": "up=RATE", "mon 08:00-18:00 pause=1": "up=RATE", strings.Repeat("x", 201): "200 characters",
	} {
		if w, err := schedule.Parse(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %+v, %v; want an error with %q", text, w, err, word)
		}
	}
	if err := (schedule.Window{Days: "mon", From: "08:00", Until: "18:00", Upload: -1}).Validate(); err == nil {
		t.Error("a negative rate is valid")
	}
}

// at is a time of the week that begins on Monday, 5 January 2026.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.ParseInLocation("2 15:04:05", text, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, 1, when.Day(), when.Hour(), when.Minute(), when.Second(), 0, time.UTC)
}

func TestAt(t *testing.T) {
	for _, c := range []struct {
		window  string
		in, out []string
	}{
		{"mon-fri 08:00-18:00", []string{"5 08:00:00", "9 17:59:59"}, []string{"5 07:59:59", "5 18:00:00", "10 12:00:00", "11 12:00:00"}},
		{"fri 22:30-06:00", []string{"9 22:30:00", "10 05:59:59"}, []string{"9 05:00:00", "10 06:00:00", "10 23:00:00", "8 23:00:00"}},
		{"sun 22:00-01:00", []string{"11 23:00:00", "5 00:30:00", "12 00:59:59"}, []string{"5 23:00:00", "11 00:30:00"}},
		{"wed 12:00-12:00", []string{"7 12:00:00", "8 11:59:59"}, []string{"7 11:59:59", "8 12:00:00"}},
		{"sat 00:00-24:00", []string{"10 00:00:00", "10 23:59:59"}, []string{"9 23:59:59", "11 00:00:00"}},
		{"sat 18:00-00:00", []string{"10 23:59:59"}, []string{"11 00:00:00", "10 17:59:59"}},
		{"fri-mon 10:00-11:00", []string{"9 10:00:00", "10 10:00:00", "11 10:00:00", "5 10:00:00"}, []string{"6 10:00:00", "8 10:00:00"}},
	} {
		ws := []schedule.Window{parse(t, c.window)}
		for _, when := range c.in {
			if _, ok := schedule.At(ws, at(t, when)); !ok {
				t.Errorf("%s does not hold at %s January", c.window, when)
			}
		}
		for _, when := range c.out {
			if _, ok := schedule.At(ws, at(t, when)); ok {
				t.Errorf("%s holds at %s January", c.window, when)
			}
		}
	}
}

func TestFirstValidWindowCounts(t *testing.T) {
	ws := []schedule.Window{{Days: "never", From: "00:00", Until: "24:00", Upload: 1}, parse(t, "mon 12:00-13:00 up=2"), parse(t, "daily 00:00-24:00 up=3")}
	for when, want := range map[string]int64{"5 12:30:00": 2, "5 13:00:00": 3, "6 12:30:00": 3} {
		if w, ok := schedule.At(ws, at(t, when)); !ok || w.Upload != want {
			t.Errorf("at %s: %+v %t, want the one with %d", when, w, ok, want)
		}
	}
}

// TestClockChanges walks through the days on which clocks change, minute by minute, and counts how
// long a window holds.
func TestClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("%v (needs the time zone database, as in package tzdata)", err)
	}
	for _, c := range []struct {
		day    time.Time
		window string
		want   time.Duration
	}{
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), "sun 00:00-24:00", 23 * time.Hour}, // 02:00 is 03:00
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), "sun 01:00-04:00", 2 * time.Hour},
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), "sun 02:00-03:00", 0},
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), "sun 02:00-03:00", 2 * time.Hour}, // 03:00 is 02:00
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), "sat 22:00-06:00", 7 * time.Hour},
	} {
		held := time.Duration(0)
		for now := c.day; now.Before(c.day.AddDate(0, 0, 1)); now = now.Add(time.Minute) {
			if _, ok := schedule.At([]schedule.Window{parse(t, c.window)}, now); ok {
				held += time.Minute
			}
		}
		if held != c.want {
			t.Errorf("%s: %s holds for %s, want %s", c.day.Format(time.DateOnly), c.window, held, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mon-fri 08:00-18:00 up=1MiB down=0", "sat,sun 22:30-06:00 pause", "00:00-24:00 up=1.5kb/s", "fri-mon 1:00-2", "daily 10:00-10:00 up=unlimited", "a=b 08:00-09:00 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := schedule.Parse(text)
		if err != nil {
			return
		}
		if again, err := schedule.Parse(w.String()); err != nil || again != w {
			t.Errorf("%q is %+v, which is %q, which is %+v, %v", text, w, w, again, err)
		}
		schedule.At([]schedule.Window{w}, time.Unix(0, 0))
	})
}

func ExampleAt() {
	night, _ := schedule.Parse("daily 23:00-07:00 up=20MB")
	day, _ := schedule.Parse("mon-fri 07:00-23:00 up=1MiB down=512KiB")
	w, ok := schedule.At([]schedule.Window{night, day}, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC))
	fmt.Println(w, ok)
	// Output: mon-fri 07:00-23:00 up=1MiB down=512KiB true
}
