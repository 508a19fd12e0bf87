# What to try by hand.

stories() {
	local folder=$run
	[ "$PWD" = "$root" ] && folder=demo/run
	cat <<-END

		The five stories are ready to try, in this folder:

		  cd $folder
		  PATH=$root/bin:\$PATH

		1. Stopped means stopped
		  curl -K curlrc https://shop.test/
		  fanlight sites stop shop
		  curl -K curlrc https://shop.test/            # connection refused: nobody else is on 127.0.0.2
		  curl -K curlrc https://blog.test/            # goes on
		  fanlight sites stop left                     # shares 127.0.0.4 with right
		  openssl s_client -connect 127.0.0.4:443 -servername left.test </dev/null   # alert, no certificate
		  curl -K curlrc https://right.test/           # goes on
		  fanlight sites stop page
		  curl -K curlrc -i https://page.test/         # 503, with its right certificate
		  fanlight sites start shop                    # and left, and page

		2. My address, not the whole machine
		  curl -sk https://127.0.0.10/ | head -3       # another program, on the same port as the sites
		  fanlight ports :443
		  fanlight run -c second.yaml                  # nginx has 0.0.0.0:8443
		  fanlight ports :8443
		  fanlight addresses add 127.0.0.5
		  fanlight sites start admin
		  curl -K curlrc https://admin.test/
		  grep -A 8 ^addresses fanlight.yaml           # added there too, the comments are kept

		3. The origin that asks late
		  curl -K curlrc https://asked.test/secure/          # the origin saw the client certificate
		  curl -K curlrc https://asked-without.test/secure/  # answered with none
		  curl -K curlrc https://asked-never.test/secure/    # 502 at once, with an incident
		  fanlight why INCIDENT                              # as in the line before
		  curl -K curlrc https://silent.test/                # 504 after 2 s; why names the phase

		4. The missing Server header
		  node ../old-browser.mjs https://stripped.test/ 127.0.0.8 data/ca/root.pem   # signs in each time
		  node ../old-browser.mjs https://cured.test/ 127.0.0.8 data/ca/root.pem      # once: response_headers
		  fanlight explain server-header-stripped-reauth     # the finding is in the console

		5. Own names on own loopback addresses
		  cat /etc/hosts
		  fanlight trust install
		  curl https://auth.mysoftware.test/                 # no -K, no -k
		  curl https://orders.mysoftware.test/
		  fanlight ports :443
		  fanlight trust uninstall
		  Those two names are served by
		  fanlight dev auth.mysoftware.test=http://localhost:5001 orders.mysoftware.test=http://localhost:5002 --data data

		To end it all: $root/scripts/demo.sh stop

		console  $(sed -n 's/^console *//p' "$run/door.log")
	END
}
