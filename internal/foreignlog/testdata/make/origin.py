import socket,threading,time,struct,sys
def reset(c): c.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0)); c.close()
def serve(c):
    try:
        b=b''
        while b'\r\n\r\n' not in b:
            d=c.recv(65536)
            if not d: return c.close()
            b+=d
        p=b.split(b' ')[1]
        if p.startswith(b'/close'): c.close()
        elif p.startswith(b'/reset'): reset(c)
        elif p.startswith(b'/slow'): time.sleep(3); c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'); c.close()
        elif p.startswith(b'/cut'): c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'+b'x'*1000); time.sleep(.2); c.close()
        elif p.startswith(b'/rcut'): c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'+b'x'*1000); time.sleep(.3); reset(c)
        elif p.startswith(b'/stall'): c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'+b'x'*1000); time.sleep(3); c.close()
        elif p.startswith(b'/bighead'): c.sendall(b'HTTP/1.1 200 OK\r\nX-Big: '+b'y'*60000+b'\r\nContent-Length: 0\r\n\r\n'); time.sleep(.2); c.close()
        elif p.startswith(b'/bad'): c.sendall(b'HTTP/1.1 200 OK\r\nBroken Header\r\n: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'); time.sleep(.2); c.close()
        elif p.startswith(b'/garbage'): c.sendall(b'\x15\x03\x01\x00\x02\x02\x46'); time.sleep(.2); c.close()
        elif p.startswith(b'/missing'): c.sendall(b'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'); c.close()
        elif p.startswith(b'/oops'): c.sendall(b'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'); c.close()
        else: c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'); c.close()
    except Exception as e: 
        try: c.close()
        except: pass
s=socket.socket(); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('127.0.71.1',18081)); s.listen(50)
while True:
    c,_=s.accept(); threading.Thread(target=serve,args=(c,),daemon=True).start()
