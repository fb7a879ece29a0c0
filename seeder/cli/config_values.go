package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/schedule"
	"github.com/swarmstake/swarmstake/tokens"
)

// sizeText is what ParseSize reads as the same number: in the unit that leaves the shortest one.
func sizeText(n int64) string {
	binary, suffix := inUnits(n, 1024, "iB")
	decimal, other := inUnits(n, 1000, "B")
	if decimal < binary {
		return numberText(decimal) + other
	}
	return numberText(binary) + suffix
}

// inUnits divides by step as often as that is exact.
func inUnits(n, step int64, suffix string) (int64, string) {
	const units = "KMGTP"
	i := 0
	for ; n != 0 && n%step == 0 && i < len(units); i++ {
		n /= step
	}
	if i == 0 {
		return n, ""
	}
	return n, units[i-1:i] + suffix
}

func numberText(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// sizeKey sets a size; zero says whether none at all is an answer.
func sizeKey(field func(*seeder.Settings) *int64, zero bool) func(*seeder.Settings, string) error {
	return func(s *seeder.Settings, text string) error {
		if text == "" {
			*field(s) = 0
			return nil
		}
		n, err := seeder.ParseSize(text)
		if err == nil && n == 0 && !zero {
			err = errors.New("want some space, as 5GB")
		}
		if err == nil {
			*field(s) = n
		}
		return err
	}
}

func secondsText(n int64) string {
	if n == 0 {
		return ""
	}
	return durationText(time.Duration(n) * time.Second)
}

// durationText leaves out what is zero: 72h rather than 72h0m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// maxSeconds bounds durations: ten years.
const maxSeconds = 10 * 365 * 24 * 3600

func secondsKey(field func(*seeder.Settings) *int64) func(*seeder.Settings, string) error {
	return func(s *seeder.Settings, text string) error {
		if text == "" {
			*field(s) = 0
			return nil
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d%time.Second != 0 || d > maxSeconds*time.Second {
			return fmt.Errorf("%q: want whole seconds, minutes or hours, as 90m or 72h", text)
		}
		*field(s) = int64(d / time.Second)
		return nil
	}
}

func setFolder(s *seeder.Settings, text string) (err error) {
	if text != "" {
		text, err = filepath.Abs(text)
	}
	if err == nil {
		s.DataDir = text
		err = checkFolder(text)
	}
	return err
}

func setFolders(s *seeder.Settings, text string) error {
	s.Folders = nil
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		folder, err := filepath.Abs(part)
		if err == nil {
			err = checkFolder(folder)
		}
		if err != nil {
			return err
		}
		s.Folders = append(s.Folders, folder)
	}
	if len(s.Folders) > maxFolders {
		return fmt.Errorf("%d folders: at most %d", len(s.Folders), maxFolders)
	}
	return nil
}

func setListen(s *seeder.Settings, text string) error {
	if text != "" {
		if _, err := netip.ParseAddrPort(text); err != nil {
			return fmt.Errorf("%q: want IP:port, as 0.0.0.0:51413 or [::]:51413", text)
		}
	}
	s.ListenAddr = text
	return nil
}

func scheduleText(s seeder.Settings) string {
	var texts []string
	for _, w := range s.Schedule {
		texts = append(texts, w.String())
	}
	return strings.Join(texts, "; ")
}

func setSchedule(s *seeder.Settings, text string) error {
	s.Schedule = nil
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" || part == "none" {
			continue
		}
		w, err := schedule.Parse(part)
		if err != nil {
			return err
		}
		s.Schedule = append(s.Schedule, w)
	}
	if len(s.Schedule) > maxWindows {
		return fmt.Errorf("%d windows: at most %d", len(s.Schedule), maxWindows)
	}
	return nil
}

// maxConnections is what file descriptors of a server allow.
const maxConnections = 100_000

func setConnections(s *seeder.Settings, text string) error {
	n, err := strconv.Atoi(text)
	if text == "" {
		n, err = 0, nil
	} else if err != nil || n < 1 || n > maxConnections {
		return fmt.Errorf("%q: want a number from 1 to %d", text, maxConnections)
	}
	s.MaxConns = n
	return err
}

func courtesyText(s seeder.Settings) string {
	switch {
	case s.Courtesy == nil:
		return ""
	case *s.Courtesy < 0:
		return "off"
	case *s.Courtesy == 0:
		return "0"
	}
	return sizeText(*s.Courtesy)
}

func setCourtesy(s *seeder.Settings, text string) error {
	if text == "" {
		s.Courtesy = nil
		return nil
	}
	n, err := int64(-1), error(nil)
	if text != "off" {
		n, err = seeder.ParseSize(text)
	}
	if err == nil {
		s.Courtesy = &n
	}
	return err
}

// onText and offText show a switch that is not as by default.
func onText(on bool) string {
	if on {
		return "on"
	}
	return ""
}

func offText(off bool) string {
	if off {
		return "off"
	}
	return ""
}

// switched reads on or off; nothing means otherwise.
func switched(text string, otherwise bool) (bool, error) {
	switch text {
	case "":
		return otherwise, nil
	case "on", "true", "yes":
		return true, nil
	case "off", "false", "no":
		return false, nil
	}
	return otherwise, fmt.Errorf("%q: want on or off", text)
}

func setAuto(s *seeder.Settings, text string) (err error) {
	s.Auto, err = switched(text, false)
	return err
}

func setRepair(s *seeder.Settings, text string) error {
	repair, err := switched(text, true)
	s.NoRepair = !repair
	return err
}

func spendText(n int64) string {
	if n == 0 {
		return ""
	}
	return tokens.Amount(n).String()
}

func setSpend(s *seeder.Settings, text string) error {
	if text == "" {
		s.Spend = 0
		return nil
	}
	a, err := tokens.ParseAmount(text)
	if err == nil {
		s.Spend = int64(a)
	}
	return err
}

func setDashboard(s *seeder.Settings, text string) error {
	if text != "" && text != seeder.DashboardOff {
		if a, err := netip.ParseAddrPort(text); err != nil || !a.Addr().IsLoopback() {
			return fmt.Errorf("%q: want an address of this machine alone, as %s or [::1]:51414, or %s; from elsewhere it is reached through ssh -L", text, seeder.DefaultDashboard, seeder.DashboardOff)
		}
	}
	s.Dashboard = text
	return nil
}

func setWebhook(s *seeder.Settings, text string) error {
	if text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("want an address that begins with https:// or http://") // the text is a secret
		}
	}
	s.Webhook = text
	return nil
}
