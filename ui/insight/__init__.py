"""The network explained: on the visitor's own drawing, on the test digits, by what it gets wrong.

A panel draws itself and knows Streamlit; what it shows is made by modules beside it that do not.
"""
