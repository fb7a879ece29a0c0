package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// torrentImport is what the command line says of an import of torrents.
type torrentImport struct {
	folder, table, uploader, category, changes string
	approve, keepHash, skip, dry               bool
}

// torrentFile is a file to import, with what the table says of it.
type torrentFile struct {
	path   string
	req    server.ImportTorrent // without the file
	before bt.InfoHash
}

func importTorrentsCmd() *cobra.Command {
	var path string
	var o torrentImport
	cmd := &cobra.Command{
		Use:   "torrents FOLDER --uploader NAME --data DIR",
		Short: "Take in the .torrent files of a folder, with what a CSV says of them",
		Long: `Takes in all .torrent files in the folder and the folders in it. A CSV may say more of them: its first
line names the columns file (path in the folder) and, as you like, name, description, category, tags
(with spaces between), uploader (a member's name) and approved (yes or no). Files that the table does
not name are left out.

Torrents here are private and carry this tracker's source tag; where a file has neither, its
info-hash changes and everybody who seeds it adds the new .torrent to their client, which checks the
data and goes on. With --keep-infohash files that are private already keep theirs: then a client
needs only the new announce URL, which is in the .torrent that each member downloads here.
--changes FILE writes a CSV of the old and new info-hashes.

Each file is checked by the rules of an upload before anything is written. A file that breaks one
stops the import, or is left out with --skip-refused.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			o.folder = args[0]
			return importTorrents(cmd, conf, o)
		},
	}
	configFlags(cmd, &path)
	f := cmd.Flags()
	f.StringVar(&o.table, "csv", "", "table of the files")
	f.StringVar(&o.uploader, "uploader", "", "member who counts as the uploader where the table names none")
	f.StringVar(&o.category, "category", string(catalog.Other), "category where the table names none")
	f.StringVar(&o.changes, "changes", "", "file to write the old and new info-hashes to")
	f.BoolVar(&o.approve, "approve", false, "approve all of them: hosting them is paid from the next epoch on")
	f.BoolVar(&o.keepHash, "keep-infohash", false, "leave the source tag of files that are private already")
	f.BoolVar(&o.skip, "skip-refused", false, "leave out files that break a rule")
	f.BoolVar(&o.dry, "dry-run", false, "only check the files")
	return cmd
}

func importTorrents(cmd *cobra.Command, conf server.Config, o torrentImport) (err error) {
	files, err := o.files()
	if err != nil {
		return err
	}
	files, err = checkTorrents(cmd, o, files)
	if err != nil {
		return err
	}
	if o.dry {
		fmt.Fprintf(cmd.OutOrStdout(), "%d torrents can be imported\n", len(files))
		return nil
	}
	if err := checkUploaders(cmd, conf, files); err != nil {
		return err
	}
	changes, err := openCSV(o.changes, os.O_TRUNC, "file", "infohash_before", "infohash")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, changes.close()) }()
	added, there := 0, 0
	err = withImporter(cmd, conf, "torrents", len(files), func(ctx context.Context, to *server.Importer, i int) error {
		done, err := importTorrent(ctx, to, files[i])
		if err != nil {
			return fmt.Errorf("%s: %w", files[i].path, err)
		}
		if done.New {
			added++
		} else {
			there++
		}
		return changes.add(files[i].path, files[i].before.String(), done.InfoHash.String())
	})
	fmt.Fprintf(cmd.OutOrStdout(), "%d torrents added, %d were there already\n", added, there)
	return err
}

// checkUploaders looks for all of them before the first torrent is taken in.
func checkUploaders(cmd *cobra.Command, conf server.Config, files []torrentFile) (err error) {
	to, err := server.OpenImporter(cmd.Context(), conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	var bad problems
	seen := map[string]bool{}
	for _, f := range files {
		name := f.req.Uploader
		if seen[name] {
			continue
		}
		seen[name] = true
		if err := to.Uploader(cmd.Context(), name); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", f.path, err))
		}
	}
	return bad.err("uploaders")
}

func importTorrent(ctx context.Context, to *server.Importer, f torrentFile) (server.Imported, error) {
	req, err := f.read()
	if err != nil {
		return server.Imported{}, err
	}
	return to.Torrent(ctx, req)
}

// read is the request with the file, which is not kept: a folder may be larger than the memory.
func (f torrentFile) read() (server.ImportTorrent, error) {
	req := f.req
	in, err := os.Open(f.path)
	if err != nil {
		return req, err
	}
	defer in.Close()
	at, err := in.Stat()
	if err == nil && at.Size() > catalog.MaxFileBytes {
		return req, fmt.Errorf("%d bytes: a torrent file has at most %d", at.Size(), catalog.MaxFileBytes)
	}
	if err == nil {
		req.File, err = os.ReadFile(f.path)
	}
	return req, err
}

// files are those of the table, or all of the folder.
func (o torrentImport) files() ([]torrentFile, error) {
	if o.table != "" {
		return o.listed()
	}
	var out []torrentFile
	err := filepath.WalkDir(o.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.EqualFold(filepath.Ext(path), ".torrent") {
			out = append(out, torrentFile{path: path, req: o.request(tableRow{})})
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("there is no .torrent file in %s", o.folder)
	}
	return out, err
}

func (o torrentImport) listed() ([]torrentFile, error) {
	rows, err := readTable(o.table, []string{"file"}, []string{"name", "description", "category", "tags", "uploader", "approved"})
	if err != nil {
		return nil, err
	}
	var bad problems
	var out []torrentFile
	for _, r := range rows {
		name := filepath.FromSlash(r.get("file"))
		approved, err := yes(r.get("approved"))
		if !filepath.IsLocal(name) {
			err = errors.Join(err, fmt.Errorf("file: %q does not lie in the folder", name))
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", r.line, err))
			continue
		}
		f := torrentFile{path: filepath.Join(o.folder, name), req: o.request(r)}
		f.req.Approve = f.req.Approve || approved
		out = append(out, f)
	}
	return out, bad.err("rows")
}

// request is what is known of a file before it is read.
func (o torrentImport) request(r tableRow) server.ImportTorrent {
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	return server.ImportTorrent{Name: r.get("name"), Description: r.get("description"), Category: or(r.get("category"), o.category),
		Tags: r.get("tags"), Uploader: or(r.get("uploader"), o.uploader), Approve: o.approve, KeepHash: o.keepHash}
}

// checkTorrents leaves the files that can be imported, or says which cannot.
func checkTorrents(cmd *cobra.Command, o torrentImport, files []torrentFile) ([]torrentFile, error) {
	update, end := showProgress(cmd.ErrOrStderr(), "checking", "files")
	defer end()
	var bad problems
	var good []torrentFile
	for i, f := range files {
		if err := cmd.Context().Err(); err != nil {
			return nil, err
		}
		req, err := f.read()
		if err == nil && store.CheckName(req.Uploader) != nil {
			err = errors.New("say with --uploader, or in the table, which member counts as its uploader")
		}
		if err == nil {
			f.before, err = req.Check()
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", f.path, err))
		} else {
			good = append(good, f)
		}
		if update != nil {
			update(int64(i+1), int64(len(files)))
		}
	}
	if !o.skip {
		return good, bad.err("files")
	}
	for _, err := range bad {
		fmt.Fprintln(cmd.ErrOrStderr(), "left out:", err)
	}
	return good, nil
}
