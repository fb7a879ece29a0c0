package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
)

func backupCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Back up the database beside a running server, verify and restore backups",
		Long: `A backup is one file that holds the whole database: members and their secrets, torrents, ledger. Keep
it as you keep the server's disk. Make one regularly, on another machine if you can, and restore one
into an empty folder now and then: a backup that was never restored is a hope.

  swarmstake backup create /backup/today.db --data /srv/swarmstake
  swarmstake backup verify /backup/today.db
  swarmstake backup restore /backup/today.db --data /srv/swarmstake --replace`,
	}
	cmd.AddCommand(backupCreateCmd(), backupVerifyCmd(), backupRestoreCmd())
	return cmd
}

func backupCreateCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "create FILE --data DIR",
		Short: "Copy the database into a new file, beside a running server or without one",
		Long: `Copies the database as it is at one moment, while the server goes on working, and prints the head and
the last row of the ledger in it. Keep that line elsewhere: 'swarmstake ledger verify --head' shows
later that a ledger still holds everything of this backup.

FILE must not exist, is readable by its owner only, and has its name only when it is complete and on
disk; a command that was killed may leave a file that ends in .partial beside it. When it was made is
noted in DIR/backup.last for metrics and 'swarmstake doctor'. What clients moved
since the meter was last written to the database (seconds) is not in it: they say it again.`,
		Example: `  swarmstake backup create /backup/$(date +%F).db --data /srv/swarmstake >> /backup/heads.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkData(dir); err != nil {
				return err
			}
			update, end := showProgress(cmd.ErrOrStderr(), "copying", "pages")
			head, err := store.Backup(cmd.Context(), dir, args[0], update)
			end()
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists: a backup never overwrites anything, choose another name", args[0])
			}
			if err != nil {
				return err
			}
			note := server.BackupNote{At: time.Now().UTC(), File: args[0], Head: head.Head.String(), Row: head.Row}
			if err := server.NoteBackup(dir, note); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "swarmstake: the backup is complete, but monitors are not told of it: %v\n", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), headLine(head))
			return err
		},
	}
	dataFlag(cmd, &dir)
	return cmd
}

func backupVerifyCmd() *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:   "verify FILE [--head HASH]",
		Short: "Check a backup from end to end",
		Long: `Checks the structure of the file, the references between its tables, and its whole ledger as
'swarmstake ledger verify' does. It writes nothing.

Exits 0 if the backup is sound, 1 with what is wrong if not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			check, end, err := checkOf(cmd, head)
			if err != nil {
				return err
			}
			v, err := store.VerifyBackup(cmd.Context(), args[0], check)
			end()
			if err != nil {
				return err
			}
			return printVerification(cmd.OutOrStdout(), v, check.Head)
		},
	}
	headFlag(cmd, &head)
	return cmd
}

func backupRestoreCmd() *cobra.Command {
	r := server.Restore{}
	cmd := &cobra.Command{
		Use:   "restore FILE --data DIR [--replace]",
		Short: "Put a backup in the place of a folder's database",
		Long: `Verifies the backup, copies it, verifies the copy, and makes it the database of DIR. The server must
be stopped. A folder that has a database is refused unless --replace is given; then the old database is
set aside in DIR/before-restore-TIME, never deleted. A command that is killed at any moment leaves
either the old database or the new one.

What is lost: everything that was committed after the backup. Charges, pay, stakes, sales, new members
and torrents, bans and revoked tokens of that time are as if they had not happened; vouchers that were
used or revoked since can be used again (revoke their batches first), codes of withdrawals since are
worth nothing. Clients announce
totals, so what running ones moved since the backup they say again and are charged for then; sessions
that ended in between are not heard of again. The folder 'journal' and the file 'journal.flush' hold
what clients announced to the old database: they are set aside with it, because replayed on another
database they would charge wrongly.

To put the old state back, stop the server, move what is in before-restore-TIME back over the files of
the same names in DIR, and start it.`,
		Example: `  swarmstake backup restore /backup/2026-11-21.db --data /srv/drill          # a drill, in a new folder
  swarmstake backup restore /backup/2026-11-21.db --data /srv/swarmstake --replace`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.File, r.Now = args[0], time.Now()
			r.Progress = func(what string) (func(done, total int64), func()) {
				return showProgress(cmd.ErrOrStderr(), what, "transfers")
			}
			done, err := server.RestoreBackup(cmd.Context(), r)
			if err != nil {
				return restoreError(cmd, err)
			}
			return printRestored(cmd, r, done)
		},
	}
	dataFlag(cmd, &r.Data)
	cmd.Flags().BoolVar(&r.Replace, "replace", false, "set a database that is there aside")
	return cmd
}

func restoreError(cmd *cobra.Command, err error) error {
	var unsound *server.UnsoundError
	if errors.As(err, &unsound) {
		for _, f := range unsound.Faults {
			fmt.Fprintln(cmd.OutOrStdout(), "fault:", f)
		}
	}
	if errors.Is(err, server.ErrDatabaseThere) {
		return fmt.Errorf("%w: give --replace to set it aside, or name another folder with --data", err)
	}
	return err
}

func printRestored(cmd *cobra.Command, r server.Restore, done server.Restored) error {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "restored: %s row %d\n", done.New.Head, done.New.Row)
	if done.Old.Row > 0 {
		fmt.Fprintf(out, "before:   %s row %d\n", done.Old.Head, done.Old.Row)
	}
	if done.Old.Row > done.New.Row {
		fmt.Fprintf(out, "the last %d transfers of the old database are not in the new one\n", done.Old.Row-done.New.Row)
	}
	if done.Aside != "" {
		fmt.Fprintf(out, "what was there is in %s\n", filepath.Join(r.Data, done.Aside))
	}
	return nil
}
