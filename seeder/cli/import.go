package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/engine"
	"github.com/swarmstake/swarmstake/seeder/locate"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const importLong = `import hosts data that is on this machine already, without copying or moving it: a folder of .torrent
files, the folder in which qBittorrent (BT_backup), Transmission, rTorrent or Deluge keeps its session,
or plain data. Torrents are matched with the tracker's by info-hash, else by name and size. The data is
looked for where the other client says, then below FOLDER and --data, also under other names.

What is found is pinned with a note of where it lies; the daemon verifies all of it before it tells the
tracker. Nothing is downloaded for an import, so what is not whole is left out unless --incomplete is
given. Other clients may go on seeding the same files as long as they do not change them.`

const (
	// maxMarketPages bounds how much of the tracker's list is compared: 20,000 torrents.
	maxMarketPages, maxMarket = 100, 20_000
	// maxPatience bounds the waits that a busy server asks for, per torrent.
	maxPatience = 10 * time.Minute
)

// Results of an import, per torrent.
const (
	resultImported   = "imported"
	resultHosted     = "hosted already"
	resultIncomplete = "incomplete"
	resultNoData     = "data not found"
	resultNotListed  = "not on the tracker"
	resultFailed     = "failed"
)

// importLine is what came of one torrent.
type importLine struct {
	Name     string   `json:"name"`
	Torrent  string   `json:"torrent_file,omitempty"` // empty: only its data was found
	InfoHash string   `json:"infohash,omitempty"`     // the tracker's
	Size     bt.Bytes `json:"size_bytes"`
	Result   string   `json:"result"`
	Match    string   `json:"match,omitempty"`
	Dir      string   `json:"dir,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// importFlags are what import is told.
type importFlags struct {
	data               []string
	dryRun, incomplete bool
	asJSON             bool
}

func newImport(state *string) *cobra.Command {
	var f importFlags
	c := &cobra.Command{Use: "import FOLDER [--data DIR]...", Short: "Host data that is here already, as from another client", Long: importLong,
		Example: "  swarmseed import ~/.local/share/qBittorrent/BT_backup\n  swarmseed import ~/torrent-files --data /srv/media --dry-run",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return runImport(c, *state, args[0], f) }}
	c.Flags().StringArrayVar(&f.data, "data", nil, "folder below which data is looked for (default FOLDER); may be repeated")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "look only; nothing is pinned")
	c.Flags().BoolVar(&f.incomplete, "incomplete", false, "take also what is not whole; the rest is downloaded, at its price")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

func runImport(c *cobra.Command, state, folder string, f importFlags) error {
	im, err := newImporter(c.Context(), state, folder, f)
	if err != nil {
		return err
	}
	found, problems := locate.Scan(folder)
	for _, p := range problems {
		fmt.Fprintf(c.ErrOrStderr(), "Skipped: %s\n", shown(p.Error()))
	}
	matches := match(found, im.market, im.folders)
	bar := newCounter(c.ErrOrStderr(), len(matches), "looking for data")
	for _, m := range matches {
		line, err := im.take(c.Context(), m)
		if err != nil {
			bar.close()
			return err
		}
		im.lines = append(im.lines, line)
		bar.next()
	}
	bar.close()
	return im.report(c)
}

// importer takes over what other clients have.
type importer struct {
	state    string
	settings seeder.Settings
	client   *seeder.Client
	flags    importFlags
	market   []seeder.MarketTorrent
	folders  []string
	index    *locate.Index
	hosted   map[string]bt.Bytes // by info-hash
	lines    []importLine
}

func newImporter(ctx context.Context, state, folder string, f importFlags) (im *importer, err error) {
	im = &importer{state: state, flags: f, folders: f.data, hosted: map[string]bt.Bytes{}}
	if err := owned(state); err != nil {
		return nil, err
	}
	if im.client, err = clientOf(state); err != nil {
		return nil, err
	}
	if im.settings, err = seeder.LoadSettings(state); err != nil {
		return nil, err
	}
	if len(im.folders) == 0 {
		im.folders = []string{folder}
	}
	im.index = locate.NewIndex(im.folders, locate.Limits{})
	saved, _ := seeder.SavedTorrents(state)
	for _, t := range saved {
		im.hosted[t.File.InfoHash.String()] = t.File.Size
	}
	im.market, err = readMarket(ctx, im.client)
	return im, err
}

func readMarket(ctx context.Context, client *seeder.Client) (all []seeder.MarketTorrent, err error) {
	cursor := ""
	for range maxMarketPages {
		var page seeder.Market
		err := patiently(ctx, func() (err error) { page, err = client.Market(ctx, cursor); return err })
		if err != nil {
			return nil, fmt.Errorf("reading what the tracker has: %w", err)
		}
		all = append(all, page.Torrents...)
		if cursor = page.Next; cursor == "" || len(all) >= maxMarket {
			break
		}
	}
	return all, nil
}

// patiently repeats what a busy server refuses, after the pause that it asks for.
func patiently(ctx context.Context, ask func() error) error {
	for waited := time.Duration(0); ; {
		err := ask()
		var refused *seeder.APIError
		if !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusServiceUnavailable {
			return err
		}
		pause := min(max(refused.RetryAfter, time.Second), time.Minute)
		if waited += pause; waited > maxPatience {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// take tries the tracker's torrents that a match may be, until the data of one is found. An error
// ends the import: the server does not answer, or the state folder cannot be written.
func (im *importer) take(ctx context.Context, m matched) (importLine, error) {
	line := importLine{Name: m.name, Torrent: m.path, Size: m.size, Result: resultNotListed, Match: m.how}
	for _, t := range m.torrents {
		line.InfoHash, line.Size = t.InfoHash, t.Size
		if _, ok := im.hosted[t.InfoHash]; ok {
			line.Result = resultHosted
			return line, nil
		}
		done, err := im.try(ctx, t, m.hints, &line)
		if done || err != nil {
			return line, err
		}
	}
	return line, ctx.Err()
}

// try looks for the data of one of the tracker's torrents; done: it was found.
func (im *importer) try(ctx context.Context, t seeder.MarketTorrent, hints []locate.Hint, line *importLine) (done bool, err error) {
	ih, err := bt.ParseInfoHash(t.InfoHash)
	if err != nil {
		line.Result, line.Note = resultFailed, err.Error()
		return false, nil
	}
	var raw []byte
	if err := patiently(ctx, func() (err error) { raw, err = im.client.TorrentFile(ctx, ih); return err }); err != nil {
		line.Result, line.Note = resultFailed, err.Error()
		var refused *seeder.APIError
		if !errors.As(err, &refused) { // not this torrent's fault
			return false, fmt.Errorf("fetching a .torrent: %w", err)
		}
		return false, nil
	}
	f, err := engine.ParseFile(raw)
	if err != nil {
		line.Result, line.Note = resultFailed, err.Error()
		return false, nil
	}
	place, ok := im.index.Find(ctx, f, raw, hints...)
	if !ok {
		line.Result = resultNoData
		return false, ctx.Err()
	}
	line.Dir = place.Dir
	if place.MissingFiles > 0 && !im.flags.incomplete {
		line.Result, line.Note = resultIncomplete, fmt.Sprintf("%s of %s are there", sizeOf(place.Present), sizeOf(f.Size))
		return true, nil
	}
	line.Result = resultImported
	im.hosted[t.InfoHash] = f.Size
	return true, im.keep(f.InfoHash, place)
}

// keep notes where the data lies, then pins the torrent: in this order a daemon that runs never
// fetches what is here.
func (im *importer) keep(ih bt.InfoHash, p locate.Place) error {
	if im.flags.dryRun {
		return nil
	}
	r := seeder.Record{Since: time.Now().UTC().Truncate(time.Second), Why: choose.Pinned, Import: p.MissingFiles == 0, Dir: p.Dir, Files: p.Files}
	if err := seeder.SaveRecord(im.state, ih, r); err != nil {
		return err
	}
	_, err := seeder.Pin(im.state, ih)
	return err
}

// count is how many torrents had a result, and of how many bytes.
func (im *importer) count(result string) (n int, size bt.Bytes) {
	for _, l := range im.lines {
		if l.Result == result {
			n++
			size += l.Size
		}
	}
	return n, size
}

// need is what everything hosted takes of the quota, imports included.
func (im *importer) need() (size bt.Bytes) {
	for _, s := range im.hosted {
		size += s
	}
	return size
}

func (im *importer) results() []string {
	return []string{resultImported, resultHosted, resultIncomplete, resultNoData, resultNotListed, resultFailed}
}

// sorted has the lines in the order of results, as they were found.
func (im *importer) sorted() []importLine {
	order := im.results()
	out := slices.Clone(im.lines)
	slices.SortStableFunc(out, func(a, b importLine) int { return slices.Index(order, a.Result) - slices.Index(order, b.Result) })
	return out
}
