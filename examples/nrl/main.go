// SPDX-License-Identifier: Apache-2.0

// Nrl is a small National Record Locator over a store in memory, for suppliers'
// tests: read, search, create, supersede, update and delete.
//
//	nrl -listen ADDR -cert FILE -key FILE -roots FILE -subcas FILE -registry FILE|-sds URL [-crl FILE]... [-fetch] [-asid ID]
//	    [-cache DIR] [-max-skew DURATION]
//	    [-behind PROGRAM -trust ADDR -secret FILE|-insecure-no-secret]
//
// The registry (JSON or YAML) says which systems there are, what they may do and
// by which names their certificates are known; it is read again when it changes.
// With -sds the Spine Directory Service says it: see the flags that begin with sds,
// and -bindings for certificates of which it has no name.
// With -behind, PROGRAM ends TLS, as package tlsconfig/terminator configures it, and
// -cert and -key are wanted for -sds only. ADDR of -listen may be unix:PATH, where PROGRAM
// connects as this program's own user or root.
//
// The server answers /STU3/DocumentReference, prints "listening on ADDR" once it
// can be called, logs one JSON line per handshake and per decision on stderr, and
// finishes what is in flight when it gets SIGTERM or an interrupt.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidyaml"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/directory"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/endpoint"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func main() { endpoint.Main("nrl", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags, end := endpoint.NewFlags("nrl", "client", "default: any, since the registry binds each to its ASID")
	listen := flags.String("listen", "127.0.0.1:0", "`ADDR` to serve on")
	registryFile := flags.String("registry", "", "`FILE` of the systems, .json or .yaml")
	var sds directory.Flags
	sds.Register(flags)
	sds.RegisterBindings(flags)
	var behind endpoint.Behind
	behind.Register(flags)
	self := flags.String("asid", "999999999999", "this server's own ASID, which toASID must name")
	skew := flags.Duration("max-skew", 0, "by which the sender's clock may differ; 0: 30s; negative: not at all")
	if err := endpoint.Parse(flags, args, stderr); err != nil {
		return err
	}
	id, err := asid.ParseID(*self)
	if err != nil {
		return fmt.Errorf("-asid: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	server := endpoint.Server{Listen: *listen, Stdout: stdout, Logger: logger}
	var e *tlsconfig.Endpoint // of the server, and of the client that asks the directory
	var peers asid.PeerSource
	if !behind.Used() || sds.URL != "" {
		if e, err = end.Endpoint(ctx, logger); err != nil {
			return err
		}
		e.Verifier.AllowAnyFQDN = len(e.Verifier.FQDNs) == 0
		peers = e
		server.Wrap = func(inner net.Listener) (net.Listener, error) {
			config, err := e.ServerConfig()
			if err != nil {
				return nil, err
			}
			return tls.NewListener(inner, config), nil
		}
	}
	if behind.Used() {
		verifier, err := end.Verifier(ctx, logger)
		if err != nil {
			return err
		}
		verifier.AllowAnyFQDN = len(verifier.FQDNs) == 0
		if server.Front, err = behind.Front(*verifier, *listen, logger); err != nil {
			return err
		}
		peers = server.Front
	}
	var registry asid.Registry
	switch {
	case *registryFile != "" && sds.URL != "":
		return errors.New("-registry and -sds are not for both at once")
	case *registryFile == "" && sds.URL == "":
		return errors.New("neither -registry nor -sds: no system would be known")
	case sds.URL != "":
		if registry, err = sds.Registry(ctx, e, logger); err != nil {
			return err
		}
	default:
		file := &asid.File{Name: *registryFile, Logger: logger}
		if ext := filepath.Ext(file.Name); ext == ".yaml" || ext == ".yml" {
			file.Decode = asidyaml.Decode
		}
		if err := file.Load(); err != nil {
			return fmt.Errorf("-registry: %w", err)
		}
		go file.Run(ctx)
		registry = file
	}
	store := new(nrl.Store)
	authorizer := &asid.Authorizer{Registry: registry, Self: id, Peers: peers, MaxSkew: *skew, Logger: logger}
	guard := &pointer.Guard{Resolver: store, Logger: logger, Disclose: true} // as the NRL answers
	server.Handler = authorizer.Middleware(guard.Middleware(store))
	return endpoint.Serve(ctx, server)
}
