package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/seeder"
)

const (
	// byDefault is the value with which a key is set back.
	byDefault = "default"
	// maxWindows and maxFolders bound what a person keeps an eye on.
	maxWindows = 50
	maxFolders = 50
)

// key is one of the operator's settings.
type key struct {
	name, wants string
	help        string
	field       string                       // of config.json
	restart     bool                         // a running daemon takes it over at its next start
	get         func(seeder.Settings) string // empty: the default
	set         func(*seeder.Settings, string) error
	standard    string // what holds by default, in words
}

// keys are all settings but those that have commands of their own: pinned and interests (torrents),
// paused and paused_until (pause).
func keys() []key {
	return []key{
		{name: "data", wants: "folder", field: "data_dir", restart: true, standard: "STATE/data", help: "where new torrents go; data that lies there is verified and hosted",
			get: func(s seeder.Settings) string { return s.DataDir }, set: setFolder},
		{name: "folders", wants: "folders, separated by commas", field: "folders", restart: true, standard: "none", help: "further torrent folders, as on other disks; new torrents go where most is free",
			get: func(s seeder.Settings) string { return strings.Join(s.Folders, ",") }, set: setFolders},
		{name: "quota", wants: "size", field: "quota_bytes", standard: sizeText(seeder.DefaultQuota), help: "space offered in all folders together; never exceeded",
			get: func(s seeder.Settings) string { return sizeText(s.QuotaBytes) }, set: sizeKey(func(s *seeder.Settings) *int64 { return &s.QuotaBytes }, false)},
		{name: "keep-free", wants: "size", field: "keep_free_bytes", standard: sizeText(seeder.DefaultKeepFree), help: "left free on each disk; the least valuable torrents leave first",
			get: func(s seeder.Settings) string { return sizeText(s.KeepFree) }, set: sizeKey(func(s *seeder.Settings) *int64 { return &s.KeepFree }, false)},
		{name: "listen", wants: "IP:port", field: "listen", restart: true, standard: seeder.DefaultListen, help: "where peers connect; [::]:51413 takes IPv6 and IPv4",
			get: func(s seeder.Settings) string { return s.ListenAddr }, set: setListen},
		{name: "upload-rate", wants: "size a second", field: "upload_bytes_per_second", standard: "unlimited", help: "most that is sent, over all torrents",
			get: func(s seeder.Settings) string { return sizeText(s.UploadRate) }, set: sizeKey(func(s *seeder.Settings) *int64 { return &s.UploadRate }, true)},
		{name: "download-rate", wants: "size a second", field: "download_bytes_per_second", standard: "unlimited", help: "most that is fetched, over all torrents",
			get: func(s seeder.Settings) string { return sizeText(s.DownloadRate) }, set: sizeKey(func(s *seeder.Settings) *int64 { return &s.DownloadRate }, true)},
		{name: "schedule", wants: "windows, separated by ;", field: "schedule", standard: "none", help: "rates for parts of the week, as \"mon-fri 08:00-18:00 up=1MiB down=0\"",
			get: scheduleText, set: setSchedule},
		{name: "connections", wants: "number", field: "max_connections", standard: strconv.Itoa(seeder.DefaultMaxConns), help: "most connections to peers, of all torrents together",
			get: func(s seeder.Settings) string { return numberText(int64(s.MaxConns)) }, set: setConnections},
		{name: "courtesy", wants: "size a second, 0 or off", field: "courtesy_bytes_per_second", standard: sizeText(seeder.DefaultCourtesy),
			help: "for each peer that the tracker does not know as paid up; 0 serves none of them, off serves everybody alike", get: courtesyText, set: setCourtesy},
		{name: "auto", wants: "on or off", field: "auto", standard: "off", help: "fill the quota with the torrents that promise to earn most",
			get: func(s seeder.Settings) string { return onText(s.Auto) }, set: setAuto},
		{name: "spend", wants: "tokens", field: "spend_utok_per_day", standard: "0", help: "most tokens a day for fetching torrents that nobody pinned; 0 fetches only what is free",
			get: func(s seeder.Settings) string { return spendText(s.Spend) }, set: setSpend},
		{name: "min-hold", wants: "duration", field: "min_hold_seconds", standard: "72h", help: "what was chosen is not given up earlier",
			get: func(s seeder.Settings) string { return secondsText(s.MinHold) }, set: secondsKey(func(s *seeder.Settings) *int64 { return &s.MinHold })},
		{name: "scrub", wants: "duration", field: "scrub_seconds", standard: durationText(seeder.DefaultScrub), help: "in this time all data is hashed again",
			get: func(s seeder.Settings) string { return secondsText(s.Scrub) }, set: secondsKey(func(s *seeder.Settings) *int64 { return &s.Scrub })},
		{name: "repair", wants: "on or off", field: "no_repair", standard: "on", help: "fetch damaged pieces again, at their price; off only leaves them out of what is claimed",
			get: func(s seeder.Settings) string { return offText(s.NoRepair) }, set: setRepair},
		{name: "dashboard", wants: "IP:port of this machine, or off", field: "dashboard", restart: true, standard: seeder.DefaultDashboard, help: "the page for the operator on this machine",
			get: func(s seeder.Settings) string { return s.Dashboard }, set: setDashboard},
		{name: "webhook", wants: "URL", field: "webhook_url", standard: "none", help: "told of failed audits, low disk, suspension; Slack, Discord and Mattermost show it",
			get: func(s seeder.Settings) string { return s.Webhook }, set: setWebhook},
		{name: "stop-span", wants: "duration", field: "stop_seconds", standard: "0s", help: "maintenance that is announced when the daemon is told to end; for restarts of the machine",
			get: func(s seeder.Settings) string { return secondsText(s.StopSpan) }, set: secondsKey(func(s *seeder.Settings) *int64 { return &s.StopSpan })},
	}
}

func keyNamed(name string) (key, error) {
	var names []string
	for _, k := range keys() {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	return key{}, fmt.Errorf("there is no key %q; the keys are %s", name, strings.Join(names, ", "))
}

// apply sets a key, or sets it back.
func (k key) apply(s *seeder.Settings, value string) error {
	if value == byDefault {
		value = ""
	}
	if err := k.set(s, strings.TrimSpace(value)); err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	return nil
}
