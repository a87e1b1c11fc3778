// A schema registry in memory for the tests: the REST interface of franz-go's srfake on one address of loopback.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

func main() {
	address := flag.String("address", "127.0.0.1:8081", "host:port to listen on")
	certificate := flag.String("certificate", "", "PEM file; with it the server speaks TLS")
	key := flag.String("key", "", "PEM file of the certificate's key")
	flag.Parse()
	options := []srfake.Option{srfake.WithGlobalCompat(sr.CompatNone)}
	// What the Authorization field must be, exactly; nothing is asked for without it.
	if expected := os.Getenv("REGISTRY_AUTHORIZATION"); expected != "" {
		options = append(options, srfake.WithAuth(expected))
	}
	handler := srfake.NewRegistry(options...).Handler()
	if *certificate != "" {
		log.Fatal(http.ListenAndServeTLS(*address, *certificate, *key, handler))
	}
	log.Fatal(http.ListenAndServe(*address, handler))
}
