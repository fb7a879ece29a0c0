package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// maxImportLines bounds the table; --json prints all of it.
const maxImportLines = 200

// importReport is what `import --json` prints.
type importReport struct {
	DryRun   bool         `json:"dry_run"`
	Need     bt.Bytes     `json:"need_bytes"` // of everything hosted, then
	Quota    bt.Bytes     `json:"quota_bytes"`
	Torrents []importLine `json:"torrents"`
}

func (im *importer) report(c *cobra.Command) error {
	r := importReport{DryRun: im.flags.dryRun, Need: im.need(), Quota: bt.Bytes(cmp.Or(im.settings.QuotaBytes, seeder.DefaultQuota)), Torrents: im.sorted()}
	if im.flags.asJSON {
		if r.Torrents == nil {
			r.Torrents = []importLine{}
		}
		return printJSON(c, r)
	}
	if len(r.Torrents) == 0 {
		printf(c, "Neither .torrent files nor data of the tracker's torrents were found there. Name the folder of your client's .torrent files, and with --data where its downloads are.\n")
		return nil
	}
	t := newTable(c, "RESULT", "SIZE", "NAME", "WHERE")
	for i, l := range r.Torrents {
		if i == maxImportLines {
			t.row("…", "", plural(len(r.Torrents)-i, "more torrent", "more torrents")+"; --json lists all")
			break
		}
		t.row(l.Result, sizeOf(l.Size), shownName(l.Name), shown(cmp.Or(l.Note, l.Dir, l.Torrent)))
	}
	t.end()
	im.summary(c, r)
	return nil
}

func (im *importer) summary(c *cobra.Command, r importReport) {
	printf(c, "\n")
	for _, result := range im.results() {
		if n, size := im.count(result); n > 0 {
			printf(c, "%-18s  %5d  %s\n", result, n, sizeOf(size))
		}
	}
	if n, _ := im.count(resultNotListed); n > 0 {
		printf(c, "What is not on the tracker earns nothing there; upload its .torrent on the website to change that.\n")
	}
	if r.Need > r.Quota {
		gigabytes := (int64(r.Need) + 999_999_999) / 1_000_000_000
		printf(c, "All of it needs %s, but the quota is %s. Raise it: swarmseed config quota %dGB\n", sizeOf(r.Need), sizeOf(r.Quota), gigabytes)
	}
	switch n, _ := im.count(resultImported); {
	case n == 0:
	case r.DryRun:
		printf(c, "This was a dry run: nothing was pinned.\n")
	default:
		printf(c, "The daemon verifies what was imported, then hosts it; a running one begins within seconds.\n")
	}
}
