package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
	"github.com/swarmstake/swarmstake/web"
)

// maxImportBody fits a torrent file of the largest kind, in base64, with its description.
const maxImportBody = 16 << 20

// ImportMember is an account of another tracker.
type ImportMember struct {
	Name     string
	Tokens   tokens.Amount
	Stake    tokens.Amount // on top of Tokens
	Verified bool
	LinkTTL  time.Duration // of the link with which the member chooses a password
}

// Imported says what became of a member or torrent. New is false for who or what is there already, of whom
// nothing was changed.
type Imported struct {
	New      bool        `json:"new"`
	Name     string      `json:"name"`
	Link     string      `json:"link,omitempty"`     // for a new member: where to choose a password, once
	InfoHash bt.InfoHash `json:"infohash,omitempty"` // of a torrent, as it is kept
}

// ImportTorrent is a torrent file of another tracker. What is empty is taken from the file, or left empty.
type ImportTorrent struct {
	File                              []byte
	Name, Description, Category, Tags string
	Uploader                          string // a member's name
	Approve                           bool
	KeepHash                          bool // leaves the source tag, so that who seeds a private torrent goes on seeding it
}

// NewPasswordLink asks for a link with which a member chooses a new password.
type NewPasswordLink struct {
	Name string
	TTL  time.Duration
}

// PasswordLink is such a link.
type PasswordLink struct {
	Member    string    `json:"member"`
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Importer moves a community in: through the server that uses the data folder, or, if none runs, in the database
// itself.
type Importer struct {
	socket string // empty: alone
	work   importing
	close  func() error
}

// OpenImporter begins an import. Without a running server conf must name the public address.
func OpenImporter(ctx context.Context, conf Config) (*Importer, error) {
	if err := ensureDir(conf.Data); err != nil {
		return nil, err
	}
	socket := filepath.Join(conf.Data, socketName)
	if _, err := overSocket(ctx, socket, "/import/begin", struct{}{}); !errors.Is(err, errNoServer) {
		return &Importer{socket: socket, close: func() error { return nil }}, err
	}
	if conf.URL == "" {
		return nil, errors.New("no server is running: say with --url or in the configuration which address members use, since links are made of it")
	}
	base := conf.publicURL()
	release, err := Lock(conf.Data)
	if err != nil {
		return nil, err
	}
	st, err := openOffline(ctx, conf)
	if err != nil {
		release()
		return nil, err
	}
	nobody := func(context.Context, bt.MemberID) error { return nil }
	return &Importer{work: importing{store: st, base: base, source: conf.sourceTag(base), now: time.Now, member: nobody,
		torrent: func(context.Context, bt.TorrentID) error { return nil }},
		close: func() error { defer release(); return st.Close() }}, nil
}

// Close ends the import; what was taken in stays.
func (i *Importer) Close() error { return i.close() }

// Member takes in one member.
func (i *Importer) Member(ctx context.Context, m ImportMember) (Imported, error) {
	return through(ctx, i, "/import/member", m, i.work.addMember)
}

// Torrent takes in one torrent.
func (i *Importer) Torrent(ctx context.Context, t ImportTorrent) (Imported, error) {
	return through(ctx, i, "/import/torrent", t, i.work.addTorrent)
}

// Uploader says whether there is a member of that name.
func (i *Importer) Uploader(ctx context.Context, name string) error {
	_, err := through(ctx, i, "/import/uploader", name, i.work.uploader)
	return err
}

// PasswordLink makes a link with which a member chooses a new password.
func (i *Importer) PasswordLink(ctx context.Context, l NewPasswordLink) (PasswordLink, error) {
	return through(ctx, i, "/members/password-link", l, i.work.passwordLink)
}

// through asks the running server, or works alone.
func through[Req, Ans any](ctx context.Context, i *Importer, path string, req Req, alone func(context.Context, Req) (Ans, error)) (out Ans, err error) {
	if i.socket == "" {
		return alone(ctx, req)
	}
	raw, err := overSocket(ctx, i.socket, path, req)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, &out)
}

// importing does the work; member and torrent are told after each commit.
type importing struct {
	store        *store.Store
	base, source string
	now          func() time.Time
	member       func(context.Context, bt.MemberID) error
	torrent      func(context.Context, bt.TorrentID) error
}

// serveImport answers an Importer.
func (a *adminServer) serveImport(i importing) {
	command(a, "/import/begin", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	command(a, "/import/member", i.addMember)
	command(a, "/import/uploader", i.uploader)
	commandUpTo(a, "/import/torrent", maxImportBody, i.addTorrent)
	command(a, "/members/password-link", i.passwordLink)
}

// addMember finishes what it begins, also if whoever asked is gone: a commit that the roster is not told of
// would be of no use until the next start.
func (i importing) addMember(ctx context.Context, req ImportMember) (Imported, error) {
	ctx = context.WithoutCancel(ctx)
	secret := rand.Text()
	m := store.Import{Grant: store.Grant{NewMember: store.NewMember{Name: req.Name}, Tokens: req.Tokens, Stake: req.Stake}, Verified: req.Verified, Link: secret, LinkTTL: req.LinkTTL}
	rand.Read(m.Secret[:])
	got, err := i.store.ImportMember(ctx, m)
	if errors.Is(err, store.ErrExists) {
		return Imported{Name: req.Name}, nil
	}
	if err != nil {
		return Imported{}, err
	}
	return Imported{New: true, Name: got.Member.Name, Link: i.passwordURL(secret)}, i.member(ctx, got.Member.ID)
}

func (i importing) passwordURL(secret string) string { return i.base + "/password/" + secret }

// addTorrent finishes what it begins, as addMember does.
func (i importing) addTorrent(ctx context.Context, req ImportTorrent) (Imported, error) {
	ctx = context.WithoutCancel(ctx)
	n, err := req.check(i.source)
	if err != nil {
		return Imported{}, err
	}
	uploader, err := i.find(ctx, req.Uploader)
	if err != nil {
		return Imported{}, err
	}
	n.Uploader = uploader.ID
	id, err := i.store.ImportTorrent(ctx, n, req.Approve)
	if errors.Is(err, store.ErrExists) {
		return Imported{Name: n.Name, InfoHash: n.InfoHash}, nil
	}
	if err != nil {
		return Imported{}, err
	}
	return Imported{New: true, Name: n.Name, InfoHash: n.InfoHash}, i.torrent(ctx, id)
}

// check makes of the file what the catalogue keeps, for a tracker with this source tag.
func (t ImportTorrent) check(source string) (store.NewTorrent, error) {
	if t.KeepHash {
		source = ""
	}
	n, _, err := web.CheckTorrent(t.File, source, map[string]string{"name": t.Name, "description": t.Description, "category": t.Category, "tags": t.Tags})
	return n, err
}

// Check says whether the torrent could be taken in, without the database, and what its file's info-hash was.
func (t ImportTorrent) Check() (before bt.InfoHash, err error) {
	file, err := catalog.Parse(t.File)
	if err != nil {
		return before, err
	}
	_, err = t.check("")
	return file.InfoHash, err
}

func (i importing) passwordLink(ctx context.Context, req NewPasswordLink) (PasswordLink, error) {
	m, err := i.find(ctx, req.Name)
	if err != nil {
		return PasswordLink{}, err
	}
	secret := rand.Text()
	expires := i.now().Add(req.TTL).UTC().Truncate(time.Second)
	return PasswordLink{m.Name, i.passwordURL(secret), expires}, i.store.AddPasswordLink(ctx, m.ID, secret, req.TTL, 0)
}

func (i importing) uploader(ctx context.Context, name string) (struct{}, error) {
	_, err := i.find(ctx, name)
	return struct{}{}, err
}

func (i importing) find(ctx context.Context, name string) (store.Member, error) {
	m, err := i.store.MemberByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("there is no member called %q", name)
	}
	return m, err
}
