ARG ROOT
FROM ${ROOT}
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8 PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
STOPSIGNAL SIGINT
ENTRYPOINT ["/postgres-entrypoint"]
CMD ["postgres", "-c", "listen_addresses=*"]
