// SPDX-License-Identifier: Apache-2.0

// Crls keeps the CRL files of proxies current, and serves CRLs to machines that
// cannot reach the distribution points.
//
//	go run ./examples/crls -roots FILE -subcas FILE [-url URL]... [-cert FILE]... [-cache DIR] [-once]
//	    [-write PROGRAM:FILE [-reload CMD | -haproxy SOCKET]]... [-mirror ADDR] [-metrics ADDR]
//	    [-via URL] [-refresh DURATION] [-leaf-crls]
//
// README.md beside this file says what to run where.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func main() { endpoint.Main("crls", run) }

type options struct {
	roots, subCAs   string
	urls, certs     endpoint.List
	cache           string
	once            bool
	writes          []*write
	mirror, metrics string
	via             string
	refresh         time.Duration
}

// A write is one file to keep.
type write struct {
	program         terminator.Program
	file            string
	reload, haproxy string
	leaf            bool
}

func parse(args []string, stderr io.Writer) (*options, error) {
	var o options
	flags := flag.NewFlagSet("crls", flag.ContinueOnError)
	flags.StringVar(&o.roots, "roots", "", "PEM `FILE` of the pinned root CAs")
	flags.StringVar(&o.subCAs, "subcas", "", "PEM `FILE` of the pinned SubCAs; both are read again every minute")
	flags.Var(&o.urls, "url", "`URL` of a list, whether or not a certificate names it; may be repeated")
	flags.Var(&o.certs, "cert", "PEM `FILE` of certificates whose lists are wanted, as peers present them; may be repeated")
	flags.StringVar(&o.cache, "cache", "", "`DIR` in which lists are kept over a restart")
	flags.BoolVar(&o.once, "once", false, "fetch, write and end: with 0 only if all is complete and current")
	flags.Func("write", "`PROGRAM:FILE` to keep current: nginx, haproxy, apache, stunnel or envoy, and an absolute path; may be repeated", func(value string) error {
		program, file, ok := strings.Cut(value, ":")
		if !ok {
			return errors.New("PROGRAM:FILE is wanted")
		}
		o.writes = append(o.writes, &write{program: terminator.Program(program), file: file})
		return nil
	})
	last := func(set func(*write, string) error) func(string) error {
		return func(value string) error {
			if len(o.writes) == 0 {
				return errors.New("it belongs behind the -write that it is for")
			}
			return set(o.writes[len(o.writes)-1], value)
		}
	}
	once := func(field func(*write) *string) func(string) error {
		return last(func(w *write, value string) error {
			if *field(w) != "" || strings.TrimSpace(value) == "" {
				return errors.New("one is wanted for each -write")
			}
			*field(w) = value
			return nil
		})
	}
	flags.Func("reload", "`CMD` that makes the program of the last -write read its file again, words without a shell; 'TEST && CMD' runs a test first", once(func(w *write) *string { return &w.reload }))
	flags.Func("haproxy", "the stats `SOCKET` of the last -write's HAProxy, which then needs -reload only for files that do not fit through it", once(func(w *write) *string { return &w.haproxy }))
	flags.BoolFunc("leaf-crls", "the last -write is for an Apache or Envoy that looks up the leaf alone (terminator.Params.LeafCRLs)", last(func(w *write, _ string) error {
		w.leaf = true
		return nil
	}))
	flags.StringVar(&o.mirror, "mirror", "", "`ADDR` on which the lists are served to other machines")
	flags.StringVar(&o.metrics, "metrics", "", "`ADDR` on which /metrics (Prometheus) and /readyz are served")
	flags.StringVar(&o.via, "via", "", "`URL` of a mirror, scheme and host, to fetch from in place of the distribution points")
	flags.DurationVar(&o.refresh, "refresh", time.Hour, "within which each list is looked after again")
	if err := endpoint.Parse(flags, args, stderr); err != nil {
		return nil, err
	}
	return &o, o.check()
}

// check returns what the flags lack.
func (o *options) check() error {
	switch {
	case o.roots == "" || o.subCAs == "":
		return errors.New("-roots and -subcas are wanted")
	case len(o.writes) == 0 && o.mirror == "" && !o.once:
		return errors.New("there is nothing to do: -write, -mirror or -once is wanted")
	case o.once && o.mirror+o.metrics != "":
		return errors.New("-once ends, so it goes with neither -mirror nor -metrics")
	case o.refresh < time.Minute:
		return errors.New("-refresh is a minute or more")
	}
	files := map[string]bool{}
	for _, w := range o.writes {
		if files[filepath.Clean(w.file)] {
			return fmt.Errorf("-write %s:%s: another -write is of this file", w.program, w.file)
		}
		files[filepath.Clean(w.file)] = true
		test, command := w.commands()
		tests := strings.Count(w.reload, "&&")
		if w.reload != "" && (len(command) == 0 || tests > 1 || tests == 1 && len(test) == 0) {
			return fmt.Errorf("-reload %q: CMD or 'TEST && CMD' is wanted", w.reload)
		}
	}
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	d, err := newDaemon(o, stdout, stderr)
	if err != nil {
		return err
	}
	if o.once {
		return d.once(ctx)
	}
	return d.run(ctx)
}

// A daemon is what the flags describe.
type daemon struct {
	options *options
	logger  *slog.Logger
	stdout  io.Writer
	pinned  *pinned
	crls    *revocation.CRLs
	keepers []*terminator.Keeper
	view    *view
}

func newDaemon(o *options, stdout, stderr io.Writer) (*daemon, error) {
	d := &daemon{options: o, stdout: stdout}
	person := endpoint.IsTerminal(stdout)
	if person {
		d.logger = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	} else {
		d.logger = slog.New(slog.NewJSONHandler(stderr, nil))
	}
	var err error
	if d.pinned, err = newPinned(o, d.logger); err != nil {
		return nil, err
	}
	fetcher := &revocation.HTTPFetcher{Hosts: d.pinned.allowed}
	if o.via != "" {
		fetcher.Rewrite = revocation.RewriteHost(o.via)
		if _, err := fetcher.Rewrite(&url.URL{Scheme: "http", Host: "crl.nhs.uk"}); err != nil {
			return nil, fmt.Errorf("-via: %w", err)
		}
	}
	d.crls = &revocation.CRLs{Fetcher: fetcher, URLs: o.urls, KeepDER: true, Refresh: o.refresh, Logger: d.logger}
	if o.cache != "" {
		d.crls.Cache = revocation.DirCache(o.cache)
	}
	for _, w := range o.writes {
		keeper := &terminator.Keeper{
			CRLs: d.crls, Pins: d.pinned.pins, Program: w.program, File: w.file, LeafCRLs: w.leaf,
			Certificates: d.pinned.certs, Reload: w.hook(d.logger), Logger: d.logger,
		}
		if err := keeper.Validate(); err != nil {
			return nil, fmt.Errorf("-write %s:%s: %w", w.program, w.file, err)
		}
		d.keepers = append(d.keepers, keeper)
	}
	d.view = &view{daemon: d, person: person, said: map[[32]byte]bool{}}
	return d, nil
}

// commands returns the words of -reload: those of the test, if there is one, and those
// of what reloads.
func (w *write) commands() (test, reload []string) {
	before, after, ok := strings.Cut(w.reload, "&&")
	if !ok {
		return nil, strings.Fields(w.reload)
	}
	return strings.Fields(before), strings.Fields(after)
}

// hook is what tells the program, nil if nothing does.
func (w *write) hook(logger *slog.Logger) terminator.Hook {
	var reload terminator.Hook
	if w.reload != "" {
		reload = terminator.Command(w.commands())
	}
	if w.haproxy != "" {
		return terminator.StatsSocket(w.haproxy, reload, logger)
	}
	return reload
}

// maxOnce is how long -once waits: a list of a million entries takes minutes.
const maxOnce = 10 * time.Minute

// once fetches and writes everything once. The error says what is not complete.
func (d *daemon) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxOnce)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	fetching, stop := context.WithCancel(ctx)
	defer stop()
	running.Go(func() { _ = d.crls.Run(fetching) })
	progress := d.view.waiting()
	errs := make([]error, len(d.keepers))
	var writing sync.WaitGroup
	for i, keeper := range d.keepers {
		writing.Go(func() {
			if err := keeper.Once(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", keeper.File, err)
			}
		})
	}
	writing.Wait()
	// A file needs the lists that its program looks at, which is not each of these.
	if err := d.asked(ctx); len(d.keepers) == 0 {
		errs = append(errs, err)
	}
	progress()
	d.view.show()
	return errors.Join(errs...)
}

// asked waits until every distribution point has been asked once. The error says of
// which certificates nothing is known.
func (d *daemon) asked(ctx context.Context) error {
	for {
		before := d.looks()
		err := d.pinned.ask(ctx, d.crls)
		// What has come meanwhile, or is still on its way, may be what is missing.
		if asked := d.looks(); ctx.Err() != nil || asked >= 0 && asked == before {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// looks returns how many looks have ended once, or -1 if not all have.
func (d *daemon) looks() int {
	looks := d.crls.Looks()
	if slices.ContainsFunc(looks, func(l revocation.Look) bool { return l.Last.IsZero() && l.Err == nil }) {
		return -1
	}
	return len(looks)
}

// run keeps everything current until ctx ends.
func (d *daemon) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	servers, err := d.listen()
	if err != nil {
		return err
	}
	running.Go(func() { _ = d.crls.Run(ctx) })
	running.Go(func() { d.pinned.follow(ctx, d.crls) })
	for _, keeper := range d.keepers {
		running.Go(func() { _ = keeper.Run(ctx) })
	}
	running.Go(func() { d.view.follow(ctx) })
	return servers.serve(ctx)
}
