"""Reads what a language model replied. Everything in a reply is data: nothing here runs it or obeys it."""
