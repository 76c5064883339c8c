ARG ROOT
FROM ${ROOT}
CMD ["nginx", "-g", "daemon off;"]
