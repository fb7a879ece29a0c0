package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tokens/sale"
	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/front"
	"github.com/swarmstake/swarmstake/tracker/limit"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// Config is everything that can be set. Keys in the file are the field names in snake case, one
// table per struct: surge.half_life = "5m". The environment is SWARMSTAKE_SURGE__HALF_LIFE=5m.
// Flags win over the environment, the environment over the file. Tags say of each field what it
// means (doc), in what (unit), and what it takes (range); fields with a derived tag are no keys, they
// repeat the key that the tag names. What is dated is one of the economy's parameters: see Rules.
type Config struct {
	Data           string   `doc:"folder of the database, the lock and the administrative socket"`
	Listen         string   `doc:"address of the tracker, the website and the API; with tls.listen it proves the host's name and sends everybody to https"`
	URL            string   `doc:"public address, used in announce URLs, cookies and links; empty: http://LISTEN"`
	Dev            bool     `doc:"development: faucet, probes to loopback and private addresses, no limits for them, sign-in over plain http"`
	Name           string   `doc:"of this tracker, shown on the website"`
	TrustedProxies []string `doc:"networks of the proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8"`

	Server       Timing              `doc:"the server's loops and files"`
	TLS          TLS                 `doc:"the tracker's own TLS; empty: none, a proxy in front does it, or nobody"`
	Limits       Limits              `doc:"on requests and connections; with dev, loopback and private addresses have none"`
	Tracker      swarm.Params        `doc:"announces and metering (ECONOMY §3)"`
	Surge        surge.Params        `dated:"yes" doc:"the download price (ECONOMY §4)"`
	Settle       settle.Params       `dated:"yes" doc:"settlement, hosting reward, inflation (ECONOMY §4 to §6)"`
	Availability availability.Params `dated:"yes" doc:"audits, scores, slashing (ECONOMY §7)"`
	Probe        Probe               `doc:"the audits' traffic"`
	Geo          Geo                 `doc:"places of addresses, for the bonus of availability.geo_rule"`
	Economy      store.Economy       `dated:"yes" doc:"gate, free service, stakes, sale, locks (ECONOMY §2, §8, §11)"`
}

// Timing are the rhythms of the server's loops.
type Timing struct {
	FlushInterval   time.Duration `range:"1ms..1h" doc:"the meter is written at least so often"`
	AuditInterval   time.Duration `range:"1ms..1h" doc:"between two looks for audits that are due"`
	HistoryInterval time.Duration `range:"0s..24h" doc:"between two kept rows of a torrent's price history"`
	PriceKeep       time.Duration `range:"0s..87600h" doc:"a torrent's price history is kept whole so long; of what is older one row an hour, of what is older than a year one a day; 0s: for ever"`
	ReportInterval  time.Duration `range:"1s..24h" doc:"daemons report what they host so often"`
	EpochLength     time.Duration `range:"100ms..168h" dated:"yes" doc:"of an epoch, which is settled as a whole"`
	SettlementDelay time.Duration `range:"0s..168h" dated:"yes" doc:"from an epoch's end to its settlement"`
	GuestRate       bt.Bytes      `unit:"bytes/s" range:"1024..1099511627776" doc:"the least that nodes give a peer of a torrent that is rationed, and what they give other seeders"`
	GenesisTreasury tokens.Amount `unit:"utok" range:"0..1000000000000000000" doc:"minted into the treasury with a new database; changes nothing later"`
	Journal         bool          `doc:"false: announces are answered before anything is kept of them; for measurements only"`
	JournalBytes    int64         `unit:"bytes" range:"268435456..1125899906842624" doc:"disk space the meter's journal may take"`
	MetricsListen   string        `doc:"IP:PORT of /metrics and of /readyz with its reasons, for monitors: loopback or a network of your own; empty: none"`
	LogFormat       string        `range:"text|json" doc:"of the lines on standard error"`
	LogLevel        string        `range:"debug|info|warn|error" doc:"the least that is logged; debug may name members' addresses"`
}

// Limits bound requests and connections (SECURITY 20, 26). With dev, loopback and private addresses
// have none.
type Limits struct {
	KeyInterval     time.Duration `range:"0s..24h" doc:"sustained, one announce of a member's key for a torrent; 0s: no limit"`
	KeyBurst        int           `unit:"announces" range:"1..16777216" doc:"of a member's key for a torrent at once"`
	NetworkInterval time.Duration `range:"0s..24h" doc:"sustained, one announce or scrape from a /24 or /48; 0s: no limit"`
	NetworkBurst    int           `unit:"requests" range:"1..16777216" doc:"announces and scrapes from a /24 or /48 at once"`
	WrongInterval   time.Duration `range:"0s..24h" doc:"sustained, one unknown announce key from an address; 0s: no limit"`
	WrongBurst      int           `unit:"announces" range:"1..16777216" doc:"with unknown keys from an address at once"`
	Buckets         int           `unit:"entries" range:"1..16777216" doc:"keys, networks and addresses remembered"`
	Connections     int           `unit:"connections" range:"0..16777216" doc:"open at once; 0: as many as descriptors allow"`
	PerAddress      int           `unit:"connections" range:"1..16777216" doc:"of them from one address"`
}

// Probe bounds the audits' traffic.
type Probe struct {
	Concurrency int           `unit:"audits" range:"1..1000" doc:"under way at once"`
	Budget      time.Duration `range:"1ms..1h" doc:"longest time for one audit over the wire"`
	SourceAddr  string        `doc:"address probes come from; empty: the system's choice"`
	LeechAddr   string        `doc:"another address, from which seeders are tried as by any leecher; empty: source_addr"`
	Listen      string        `doc:"IP:PORT at which peers that cannot be dialled find the prober; empty: they are not audited unless they are nodes that poll for challenges"`
	PublicAddr  string        `doc:"IP:PORT at which peers reach listen from outside; empty: listen"`
	OwnNetworks []string      `doc:"networks of the operator's that are never dialled, such as 192.0.2.0/24"`
	ManifestMax int64         `unit:"bytes" range:"0..1125899906842624" doc:"sums of blocks kept, 2 KiB for a MiB seen; at the limit whole pieces are fetched instead"`
	AuditKeep   time.Duration `range:"1h..87600h" doc:"passed audits are kept so long; others, and what a penalty rests on, for ever"`
}

// Geo says where addresses are.
type Geo struct {
	Database string `doc:"a file in MaxMind's format (city); empty: nobody earns the bonus for distance"`
	Place    string `doc:"LATITUDE,LONGITUDE of the machine that probes come from, in degrees: round trips that are too short then disprove a place; empty: nothing is disproved"`
}

// DefaultConfig returns the defaults of the design's economy and protocols.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080", Name: "Swarmstake",
		Server: Timing{FlushInterval: 250 * time.Millisecond, AuditInterval: 5 * time.Second, HistoryInterval: time.Minute, PriceKeep: 90 * 24 * time.Hour,
			ReportInterval: 5 * time.Minute, EpochLength: time.Hour, SettlementDelay: 45 * time.Minute, GuestRate: 64 << 10, Journal: true, JournalBytes: 4 << 30,
			LogFormat: "text", LogLevel: "info"},
		TLS:     TLS{ACMEDirectory: acme.LetsEncryptURL},
		Limits:  defaultLimits(),
		Tracker: swarm.DefaultParams(), Surge: surge.DefaultParams(), Settle: settle.DefaultParams(),
		Availability: availability.DefaultParams(), Probe: Probe{Concurrency: 16, Budget: 45 * time.Second, ManifestMax: 4 << 30, AuditKeep: 90 * 24 * time.Hour},
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

// economy is what the store applies and the pages show, with the keys that repeat others filled in.
func (c Config) economy() store.Economy {
	e := c.Economy
	e.BasePrice, e.AppealWindow = c.Surge.Base, c.Availability.AppealWindow
	e.CollateralPerGiB = c.Settle.CollateralPerGiB
	return e
}

// swarms is what the swarms apply, with the keys that repeat others filled in; base is the public
// address.
func (c Config) swarms(base string) swarm.Params {
	p := c.Tracker
	p.QuoteFreeze, p.DemandWindow, p.BasePrice = c.Surge.QuoteFreeze, c.Surge.Window, c.Surge.Base
	p.Symbol, p.FundsURL = c.Economy.Symbol, base+"/wallet"
	return p
}

// curve is the sale's curve as configured.
func (c Config) curve() sale.Curve {
	return sale.Curve{Price: c.Economy.SalePrice, Limit: c.Economy.SaleLimit, Floor: c.Economy.SaleFloor}
}

// Validate names the first value that is out of its range or does not go with another.
func (c Config) Validate() error {
	for _, k := range configKeys() {
		if err := k.check(&c); err != nil {
			return err
		}
	}
	_, err := c.proxies()
	_, err2 := c.proberConfig()
	_, err3 := parsePlace(c.Geo.Place)
	if err := errors.Join(err, err2, err3, checkListen("listen", c.Listen), checkListen("tls.listen", c.TLS.Listen), checkListen("server.metrics_listen", c.Server.MetricsListen)); err != nil {
		return err
	}
	if err := errors.Join(checkURL(c.URL), c.TLS.validate(c.URL)); err != nil {
		return err
	}
	if c.Economy.UnbondingTime < c.Availability.AppealWindow { // else a slash comes too late (SECURITY 14)
		return fmt.Errorf("configuration: economy.unbonding_time = %s: want at least availability.appeal_window, %s",
			duration(c.Economy.UnbondingTime), duration(c.Availability.AppealWindow))
	}
	for _, table := range []struct {
		name string
		err  error
	}{{"tracker", c.swarms("").Validate()}, {"surge", c.Surge.Validate()}, {"settle", c.Settle.Validate()}, {"availability", c.Availability.Validate()},
		{"economy", c.curve().Validate()}} {
		if table.err != nil {
			return fmt.Errorf("configuration: in [%s]: %w", table.name, table.err)
		}
	}
	return nil
}

// checkListen accepts what net.Listen can take, without asking for the host's addresses.
func checkListen(key, at string) error {
	if at == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(at)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return &ValueError{key, strconv.Quote(at), "an address and a port, such as 127.0.0.1:8080 or :443"}
	}
	return nil
}

func checkURL(u string) error {
	if u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return fmt.Errorf("configuration: url = %q: want http://… or https://…", u)
	}
	return nil
}

func (c Config) proxies() ([]netip.Prefix, error) {
	return networks("trusted_proxies", c.TrustedProxies)
}

// networks reads a key's list of networks.
func networks(key string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("configuration: %s: %q: want a network such as 10.0.0.0/8", key, s)
		}
		out = append(out, p)
	}
	return out, nil
}

// baseURL is the public address, or the listen address if it names one host.
func (c Config) baseURL(listening netip.AddrPort) (string, error) {
	if c.URL != "" {
		return c.publicURL(), nil
	}
	if listening.Addr().IsUnspecified() {
		return "", fmt.Errorf("listening on %s: say with --url which address members use, such as https://tracker.example", listening)
	}
	if c.TLS.Listen != "" {
		return "https://" + listening.String(), nil
	}
	return "http://" + listening.String(), nil
}

// publicURL is the public address as configured.
func (c Config) publicURL() string { return strings.TrimRight(c.URL, "/") }

// sourceTag makes info-hashes of this tracker's torrents its own: the public host's name.
func (c Config) sourceTag(base string) string {
	if u, err := url.Parse(base); err == nil && u.Hostname() != "" && !c.Dev {
		return u.Hostname()
	}
	return "swarmstake"
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
