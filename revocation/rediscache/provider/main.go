// SPDX-License-Identifier: Apache-2.0

// Provider serves a record to one peer, and shares what it fetches about revocation
// with the other providers of a fleet, in Redis: one that starts while no distribution
// point can be reached serves, and refuses, by what another has fetched.
//
//	go run ./provider -redis ADDR -cert FILE -key FILE -roots FILE -subcas FILE -fqdn NAME [-listen ADDR] [-hosts HOST[,HOST]]
//
// Run it in revocation/rediscache; examples/pki writes the files. It prints
// "listening on ADDR" once it can be called, and ends with SIGTERM or an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("provider", flag.ContinueOnError)
	address := flags.String("redis", "", "`ADDR` of the Redis that the fleet shares")
	cert := flags.String("cert", "", "`FILE` of this provider's certificate")
	key := flags.String("key", "", "`FILE` of its key")
	roots := flags.String("roots", "", "`FILE` of the root CAs to pin")
	subCAs := flags.String("subcas", "", "`FILE` of the issuing CAs to pin")
	peer := flags.String("fqdn", "", "`NAME` of the peer that may call")
	listen := flags.String("listen", "127.0.0.1:0", "`ADDR` to serve on")
	hosts := flags.String("hosts", "", "`HOST`s that lists are fetched from; none given: those of the Spine")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *address == "" {
		return errors.New("-redis is required")
	}
	client := redis.NewClient(&redis.Options{Addr: *address, ContextTimeoutEnabled: true})
	defer client.Close()
	fetcher := new(revocation.HTTPFetcher)
	if *hosts != "" {
		fetcher.Hosts = revocation.AllowHosts(strings.Split(*hosts, ",")...)
	}
	crls := &revocation.CRLs{Fetcher: fetcher, Cache: &rediscache.Cache{Client: client}}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go crls.Run(ctx)

	pins, err := tlsconfig.LoadPins(*roots, *subCAs)
	if err != nil {
		return err
	}
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.CertificateFiles(*cert, *key),
		Verifier: tlsconfig.Verifier{
			Pins: pins, FQDNs: []string{*peer}, Revocation: &revocation.Checker{Sources: []revocation.Source{crls}},
		},
	}
	config, err := end.ServerConfig()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{TLSConfig: config, ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"record":"demo"}`+"\n")
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintln(stdout, "listening on", listener.Addr())
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
