package server

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/front"
	"github.com/swarmstake/swarmstake/tracker/limit"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Config is everything that can be set. Keys in the file are the field names in snake case, one
// table per struct: surge.half_life = "5m". The environment is SWARMSTAKE_SURGE__HALF_LIFE=5m.
// Flags win over the environment, the environment over the file.
type Config struct {
	Data           string // folder of the database, the lock and the administrative socket
	Listen         string // address of the tracker, the website and the API
	URL            string // public address: announce URLs, cookies, links
	Dev            bool   // faucet, probes to loopback and private addresses, no per-address limits
	Name           string // shown on the website
	TrustedProxies []string

	Server       Timing
	Limits       Limits
	Tracker      swarm.Params
	Surge        surge.Params
	Settle       settle.Params
	Availability availability.Params
	Probe        Probe
	Economy      store.Economy
}

// Timing are the rhythms of the server's loops.
type Timing struct {
	FlushInterval   time.Duration // the meter is written at least so often
	AuditInterval   time.Duration // between two looks for audits that are due
	HistoryInterval time.Duration // between two kept rows of a torrent's price history
	ReportInterval  time.Duration // daemons report what they host so often
	EpochLength     time.Duration
	SettlementDelay time.Duration // from an epoch's end to its settlement
	GenesisTreasury int64         // utok minted into the treasury with a new database
	Journal         bool          // false: announces are answered before anything is kept of them; for measurements only
	JournalBytes    int64         // disk space the meter's journal may take
}

// Limits bound requests and connections (SECURITY 20, 26). With dev, loopback and private addresses
// have none.
type Limits struct {
	KeyInterval     time.Duration // sustained, one announce of a member's key for a torrent
	KeyBurst        int
	NetworkInterval time.Duration // sustained, one announce or scrape from a /24 or /48
	NetworkBurst    int
	WrongInterval   time.Duration // sustained, one unknown announce key from an address
	WrongBurst      int
	Buckets         int // keys, networks and addresses remembered
	Connections     int // open at once; 0: as many as descriptors allow
	PerAddress      int // of them from one address
}

// Probe bounds the audits' traffic.
type Probe struct {
	Concurrency int           // audits under way at once
	Budget      time.Duration // longest time for one audit over the wire
	SourceAddr  string        // address probes come from; empty: the system's choice
}

// DefaultConfig returns the defaults of the design's economy and protocols.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080", Name: "Swarmstake",
		Server: Timing{FlushInterval: 250 * time.Millisecond, AuditInterval: 5 * time.Second, HistoryInterval: time.Minute,
			ReportInterval: 5 * time.Minute, EpochLength: time.Hour, SettlementDelay: 45 * time.Minute, Journal: true, JournalBytes: 4 << 30},
		Limits:  defaultLimits(),
		Tracker: swarm.DefaultParams(), Surge: surge.DefaultParams(), Settle: settle.DefaultParams(),
		Availability: availability.DefaultParams(), Probe: Probe{Concurrency: 16, Budget: 45 * time.Second},
		Economy: store.DefaultEconomy(),
	}
}

func defaultLimits() Limits {
	l := tracker.DefaultLimits()
	return Limits{KeyInterval: l.Key.Per, KeyBurst: l.Key.Burst, NetworkInterval: l.Network.Per, NetworkBurst: l.Network.Burst,
		WrongInterval: l.Wrong.Per, WrongBurst: l.Wrong.Burst, Buckets: l.Entries, PerAddress: front.DefaultMaxPerAddr}
}

func (c Config) limits(seed uint64) tracker.Limits {
	l := c.Limits
	return tracker.Limits{Key: limit.Rate{Per: l.KeyInterval, Burst: l.KeyBurst}, Network: limit.Rate{Per: l.NetworkInterval, Burst: l.NetworkBurst},
		Wrong: limit.Rate{Per: l.WrongInterval, Burst: l.WrongBurst}, Entries: l.Buckets, Seed: seed, Exempt: c.exempt}
}

// exempt reports whether limits per address do not hold for a.
func (c Config) exempt(a netip.Addr) bool { return c.Dev && (a.IsLoopback() || a.IsPrivate()) }

// EnvPrefix begins the names of environment variables that set configuration keys.
const EnvPrefix = "SWARMSTAKE_"

// Load reads the file (empty: none), then the environment, then flags (keys as in the file), over
// the defaults. An unknown key or a value of the wrong kind is an error that names it.
func Load(base Config, path string, flags map[string]any) (Config, error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), toml.Parser()); err != nil {
			return base, fmt.Errorf("read configuration %s: %w", path, err)
		}
	}
	if err := k.Load(env.Provider(EnvPrefix, ".", envKey), nil); err != nil {
		return base, fmt.Errorf("read the environment: %w", err)
	}
	if err := k.Load(confmap.Provider(flags, "."), nil); err != nil {
		return base, fmt.Errorf("read flags: %w", err)
	}
	conf := base
	known := map[string]reflect.Type{}
	walk("", reflect.ValueOf(conf), func(key string, v reflect.Value) { known[key] = v.Type() })
	for _, key := range k.Keys() {
		t, ok := known[key]
		if !ok {
			return base, fmt.Errorf("configuration: unknown key %s: 'swarmstake config check' lists them all", key)
		}
		if err := checkKind(key, k.Get(key), t); err != nil {
			return base, err
		}
	}
	err := k.UnmarshalWithConf("", &conf, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &conf, ErrorUnused: true, WeaklyTypedInput: true, MatchName: sameKey,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	}})
	if err != nil {
		return base, fmt.Errorf("configuration: %w", err)
	}
	return conf, conf.Validate()
}

// economy is what the store applies and the pages show, with the keys that repeat others filled in.
func (c Config) economy() store.Economy {
	e := c.Economy
	e.BasePrice, e.AppealWindow = c.Surge.Base, c.Availability.AppealWindow
	return e
}

// checkKind says in the file's own words which value is of the wrong kind.
func checkKind(key string, v any, t reflect.Type) error {
	text := fmt.Sprint(v)
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(text); err != nil {
			return fmt.Errorf("configuration: %s = %q: want a duration such as 250ms, 5m or 72h", key, text)
		}
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("configuration: %s = %q: want a whole number", key, text)
		}
	case t.Kind() == reflect.Bool:
		if _, err := strconv.ParseBool(text); err != nil {
			return fmt.Errorf("configuration: %s = %q: want true or false", key, text)
		}
	}
	return nil
}

// envKey turns SWARMSTAKE_SURGE__HALF_LIFE into surge.half_life. Variables for tests are no keys.
func envKey(name string) string {
	key := strings.TrimPrefix(name, EnvPrefix)
	if key == "REQUIRE_CLIENTS" || key == "CONFIG" || strings.HasPrefix(key, "TEST_") {
		return ""
	}
	return strings.ReplaceAll(strings.ToLower(key), "__", ".")
}

func sameKey(key, field string) bool {
	return strings.EqualFold(strings.ReplaceAll(key, "_", ""), field)
}

// Validate names the first value that cannot be.
func (c Config) Validate() error {
	t := c.Server
	for name, d := range map[string]time.Duration{"server.flush_interval": t.FlushInterval, "server.audit_interval": t.AuditInterval,
		"server.epoch_length": t.EpochLength, "server.report_interval": t.ReportInterval, "probe.budget": c.Probe.Budget} {
		if d <= 0 {
			return fmt.Errorf("configuration: %s = %s: must be longer than 0", name, d)
		}
	}
	if t.JournalBytes < minJournal {
		return fmt.Errorf("configuration: server.journal_bytes = %d: at least %d", t.JournalBytes, minJournal)
	}
	for name, n := range map[string]int{"key_burst": c.Limits.KeyBurst, "network_burst": c.Limits.NetworkBurst, "wrong_burst": c.Limits.WrongBurst,
		"buckets": c.Limits.Buckets, "per_address": c.Limits.PerAddress} {
		if n < 1 || n > limit.MaxEntries {
			return fmt.Errorf("configuration: limits.%s = %d: 1 to %d", name, n, limit.MaxEntries)
		}
	}
	if c.Probe.Concurrency < 1 || c.Probe.Concurrency > 1000 {
		return fmt.Errorf("configuration: probe.concurrency = %d: 1 to 1000", c.Probe.Concurrency)
	}
	if _, err := c.proxies(); err != nil {
		return err
	}
	if err := checkURL(c.URL); err != nil {
		return err
	}
	e := c.Economy
	for name, a := range map[string]tokens.Amount{"server.genesis_treasury": tokens.Amount(t.GenesisTreasury), "economy.gate": e.Gate, "economy.join_fee": e.JoinFee,
		"economy.sale_price": e.SalePrice, "economy.sale_limit": e.SaleLimit} {
		if a < 0 || a > tokens.MaxAmount {
			return fmt.Errorf("configuration: %s = %d: 0 to %d micro-tokens", name, a, tokens.MaxAmount)
		}
	}
	for table, err := range map[string]error{"tracker": c.Tracker.Validate(), "surge": c.Surge.Validate(), "settle": c.Settle.Validate(),
		"availability": c.Availability.Validate()} {
		if err != nil {
			return fmt.Errorf("configuration: in [%s]: %w", table, err)
		}
	}
	return nil
}

// minJournal is the least space for a journal: two segments and a spare.
const minJournal = 256 << 20

func checkURL(u string) error {
	if u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return fmt.Errorf("configuration: url = %q: want http://… or https://…", u)
	}
	return nil
}

func (c Config) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range c.TrustedProxies {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("configuration: trusted_proxies: %q: want a network such as 10.0.0.0/8", s)
		}
		out = append(out, p)
	}
	return out, nil
}

// baseURL is the public address, or the listen address if it names one host.
func (c Config) baseURL(listening netip.AddrPort) (string, error) {
	if c.URL != "" {
		return strings.TrimRight(c.URL, "/"), nil
	}
	if listening.Addr().IsUnspecified() {
		return "", fmt.Errorf("listening on %s: say with --url which address members use, such as https://tracker.example", listening)
	}
	return "http://" + listening.String(), nil
}

// LockedError: another process works in the data folder.
type LockedError struct{ Path string }

func (e *LockedError) Error() string {
	return "another swarmstake is using " + e.Path + ": stop it first, or use another --data folder"
}

func ensureDir(dir string) error {
	if dir == "" {
		return errors.New("say with --data which folder to keep everything in")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return nil
}
